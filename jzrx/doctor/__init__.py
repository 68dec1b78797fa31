"""What works between here and an SBC, step by step: before a call, or when calls fail."""

from jzrx.doctor.run import preflight
from jzrx.doctor.steps import PreflightStep

__all__ = ["PreflightStep", "preflight"]
