"""What jambonz expects and does, sentence by sentence, each with the tests that show it.

Two kinds of tests: those of `tests/testing/sbc` show, in hand-written SIP, that the embedded SBC does it; the others
show what a client makes of it. What no client can meet (several SBCs, carriers) is not here.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CALLS = "testing/sbc/test_calls.py"
REGISTERING = "testing/sbc/test_registering.py"
ACCOUNT = "testing/sbc/test_account.py"
ROBOTS = "testing/sbc/test_robots.py"
TRANSFERS = "testing/sbc/test_transfers.py"
DTMF = "testing/sbc/test_dtmf.py"
CLIENTS = "server/test_clients.py"
TRANSPORT = "sip/test_transport.py"
REGISTRATION = "scenarios/test_registration.py"
FLOW = "scenarios/test_flow.py"
TRANSFER = "scenarios/test_transfer.py"
REFERRED = "scenarios/test_referred.py"
IN_DIALOG = "scenarios/test_in_dialog.py"
DIGEST = "scenarios/test_digest.py"
OUTBOUND = "scenarios/test_outbound.py"

SENTENCES: dict[str, tuple[str, ...]] = {
    # --- transport ---
    "Via says WSS over TLS; who says WS is offered plain RTP": (
        f"{CLIENTS}::test_via_says_over_what_we_are_registered",
        f"{CALLS}::test_strict_offers_dtls_to_those_who_registered_as_wss",
        f"{CALLS}::test_strict_takes_the_kindnesses_away",
        f"{CLIENTS}::test_a_client_that_registered_over_ws_refuses_plain_rtp_and_says_what_to_do",
    ),
    "The contact has transport=ws, and no comma in it": (
        f"{REGISTRATION}::test_registers",
        f"{FLOW}::test_registers_under_its_instance",
    ),
    "The way to a client lives as long as the last grant, which each refresh overwrites": (
        f"{CALLS}::test_the_way_to_a_user_lives_as_long_as_the_last_grant",
        f"{CLIENTS}::test_a_registration_asked_for_early_keeps_us_reachable",
        f"{REGISTRATION}::test_jambonz_grants_30_s_to_who_comes_early",
    ),
    "The contact is random, the same on refresh, and registered at once on a new socket": (
        f"{REGISTRATION}::test_24_hours_of_refreshes",
        f"{FLOW}::test_the_same_instance_flow_and_contact_after_a_drop",
        f"{FLOW}::test_two_phones_have_two_instances",
    ),
    "The subprotocol is echoed; without it there is no WebSocket": (
        f"{TRANSPORT}::test_frames_come_and_go_in_order_and_the_last_ones_before_the_end",
        f"{REGISTERING}::test_without_the_subprotocol_there_is_no_websocket",
    ),
    "Pings have 4 octets or more; no CRLF frames, no pong that nobody asked for, no fragments": (
        f"{TRANSPORT}::test_its_frames_are_what_the_servers_websocket_can_read",
    ),
    "Nothing above 64 KiB": (f"{CLIENTS}::test_a_message_that_is_too_long_is_refused",),
    "OPTIONS outside a dialog is 200 without authentication": (
        f"{REGISTERING}::test_options_are_200_without_authentication",
        "scenarios/test_connection.py::test_options_keeps_the_flow_alive",
    ),
    # --- REGISTER ---
    "Request-URI and To have the account's realm, which often is not the server's host": (
        f"{CLIENTS}::test_the_realm_is_the_accounts_not_the_servers_host",
    ),
    "An IPv4 address as realm is 403 at once": (
        f"{REGISTERING}::test_an_ipv4_realm_is_403_at_once",
        f"{CLIENTS}::test_a_refused_registration_says_the_servers_words_and_what_to_do",
    ),
    "An unknown realm is 403 with X-Reason": (
        f"{REGISTERING}::test_an_unknown_realm_is_403_before_any_challenge",
        f"{CLIENTS}::test_a_refused_registration_says_the_servers_words_and_what_to_do",
    ),
    "An inactive account is 403 with X-Reason": (
        f"{ACCOUNT}::test_an_inactive_account_is_refused_before_any_challenge",
        f"{CLIENTS}::test_a_refused_registration_says_the_servers_words_and_what_to_do",
    ),
    "More devices than the account may have: 503": (
        f"{ACCOUNT}::test_max_devices",
        f"{CLIENTS}::test_a_refused_registration_says_the_servers_words_and_what_to_do",
    ),
    "Without Contact, or without expiry: 400": (f"{REGISTERING}::test_without_contact_or_without_expiry_is_400",),
    "There is no 423": (f"{CLIENTS}::test_any_expiry_is_granted_there_is_no_423",),
    "The challenge is 401 with MD5 and qop=auth": (
        f"{REGISTERING}::test_challenges_by_401_with_md5_and_qop_auth",
        f"{DIGEST}::test_a_challenge_is_answered",
    ),
    "Any nonce will do": (f"{REGISTERING}::test_a_nonce_of_somebody_else_will_do",),
    "Authorization alone, in the form that its parser reads": (
        f"{REGISTERING}::test_credentials_that_jambonz_cannot_read_are_500",
        f"{CLIENTS}::test_any_expiry_is_granted_there_is_no_423",
    ),
    "A wrong password is 403 with X-Reason, and no second challenge": (
        f"{REGISTERING}::test_a_wrong_password_is_403_with_its_reason_and_no_second_challenge",
        f"{REGISTERING}::test_an_unknown_user_is_403",
        f"{CLIENTS}::test_a_refused_registration_says_the_servers_words_and_what_to_do",
    ),
    "A webhook that fails is its HTTP status": (f"{CLIENTS}::test_the_status_of_a_failed_webhook_is_the_codes",),
    "What is granted is not what was asked for: an early refresh gets 30 s, without authentication": (
        f"{REGISTERING}::test_an_early_refresh_is_granted_30_s_without_authentication",
        f"{REGISTERING}::test_a_refresh_from_another_socket_is_challenged",
        f"{REGISTERING}::test_grants_what_the_contact_asks_for",
        f"{REGISTRATION}::test_refreshed_by_the_granted_time",
    ),
    "A refresh in the last 30 s is challenged, and granted in full": (
        f"{REGISTERING}::test_a_refresh_in_the_last_30_s_is_challenged_and_granted_in_full",
        f"{REGISTRATION}::test_jambonz_grants_30_s_to_who_comes_early",
    ),
    "One binding for each user, the last one wins; an un-REGISTER removes it, whoever holds it": (
        f"{REGISTERING}::test_one_binding_for_each_user_the_last_one_wins",
        f"{REGISTERING}::test_unregistering_is_challenged_and_removes_the_user_whoever_holds_it",
        f"{CLIENTS}::test_one_binding_for_each_user_the_last_one_wins",
    ),
    "What a user may call directly is granted": (
        f"{ACCOUNT}::test_the_order_and_the_grants",
        f"{ACCOUNT}::test_who_may_not_call_users_directly_reaches_nobody",
        f"{CLIENTS}::test_who_may_not_call_an_application_directly",
    ),
    # --- INVITE from the client ---
    "The realm is the Request-URI's host; another one is 404": (
        f"{CALLS}::test_another_realm_is_404_without_a_challenge",
        f"{CLIENTS}::test_another_realm_is_404",
    ),
    "The initial INVITE is challenged by 401, nothing else is": (
        f"{CALLS}::test_the_invite_is_challenged_by_401_and_nothing_in_the_dialog_is",
        f"{CALLS}::test_a_bad_password_is_403_with_its_reason",
        f"{DIGEST}::test_calls_and_messages",
    ),
    "From a carrier's address there is no challenge": (f"{OUTBOUND}::test_a_whole_call",),
    "Too many calls, or no subscription: 503": (
        f"{ACCOUNT}::test_max_calls",
        f"{ACCOUNT}::test_no_subscription",
        f"{CLIENTS}::test_the_account_takes_no_more_calls",
        f"{CLIENTS}::test_a_refused_call_shows_the_code_and_the_servers_words",
    ),
    "No rtpengine or feature server: 480": (f"{CLIENTS}::test_a_refused_call_shows_the_code_and_the_servers_words",),
    "Nobody to take the call: 480 with X-Reason": (
        f"{CALLS}::test_who_is_not_registered_is_480_with_its_reason",
        f"{CLIENTS}::test_a_refused_call_shows_the_code_and_the_servers_words",
        f"{CLIENTS}::test_the_named_events_tell_it_too",
    ),
    "A webhook that fails is 480, an application that ends unanswered 603": (
        f"{ROBOTS}::test_an_application_that_fails_is_480_and_the_server_lives",
        f"{ROBOTS}::test_an_application_that_ends_without_an_answer_is_603",
        f"{CLIENTS}::test_an_application_that_ends_without_an_answer_is_603_and_one_that_fails_480",
    ),
    "X-Reason is always shown": (
        f"{CLIENTS}::test_a_refused_call_shows_the_code_and_the_servers_words",
        f"{CALLS}::test_a_refusal_reaches_the_caller_with_its_reason",
    ),
    "X-Application-Sid and X-Authenticated-User of a client are taken away; other X- headers go on": (
        f"{CALLS}::test_the_callee_sees_sids_and_the_callers_own_headers",
        f"{CLIENTS}::test_an_incoming_call_is_from_localhost_with_the_calls_sids",
    ),
    "The order: app-, the device-calling application, queue-, conference-, a user": (
        f"{ACCOUNT}::test_the_order_and_the_grants",
        f"{ROBOTS}::test_the_device_calling_application_gets_every_call",
    ),
    "A number loses its plus": (f"{CALLS}::test_a_number_loses_its_plus",),
    "No 180 ever: 183 with SDP, or 200 at once": (
        f"{CALLS}::test_the_caller_gets_183_with_sdp_before_the_answer_and_never_180",
        f"{CALLS}::test_an_answer_at_once_does_not_overtake_the_183",
        f"{CLIENTS}::test_ringing_is_a_183_and_the_answer_names_the_call",
        f"{CLIENTS}::test_what_an_application_plays_before_its_answer_is_heard",
    ),
    "The 200 has X-Call-Sid and X-Application-Sid, no X-Trace-ID, and repeats the SDP of the 183": (
        f"{CLIENTS}::test_ringing_is_a_183_and_the_answer_names_the_call",
        f"{OUTBOUND}::test_early_media_as_jambonz_does_it",
    ),
    "An INVITE without SDP gets the offer in the 200": (
        f"{CALLS}::test_an_invite_without_sdp_gets_the_offer_in_the_200",
    ),
    "INVITE with Replaces: the Call-ID alone counts, 404 if it is unknown, the old leg gets BYE": (
        f"{CALLS}::test_replaces_takes_the_place_of_the_leg_with_that_call_id",
        f"{CALLS}::test_replaces_of_an_unknown_call_is_404",
    ),
    # --- INVITE to the client ---
    "Request-URI and To are the contact, the host of From is localhost": (
        f"{CALLS}::test_the_callee_sees_its_contact_and_from_localhost",
        f"{CLIENTS}::test_an_incoming_call_is_from_localhost_with_the_calls_sids",
    ),
    "An application may dial the contact with another user part": (
        f"{CALLS}::test_another_user_part_may_stand_in_the_request_uri",
        f"{CLIENTS}::test_a_call_for_another_user_part_is_ours",
    ),
    "Session-Expires does not reach the callee": (
        f"{CALLS}::test_no_session_timer_goes_on_to_the_callee_and_none_is_echoed",
    ),
    "It rings as long as the application lets it, then comes CANCEL": (
        f"{CLIENTS}::test_a_call_that_rings_too_long_is_cancelled",
        f"{CALLS}::test_a_cancel_reaches_the_callee",
    ),
    "A 302 of the client forwards nothing": (
        f"{CALLS}::test_what_the_caller_must_not_see_is_603",
        f"{CLIENTS}::test_a_302_of_the_client_forwards_nothing",
    ),
    # --- in the dialog ---
    "A BYE is passed on with its headers": (
        f"{CALLS}::test_a_bye_is_passed_on_with_its_headers",
        f"{CALLS}::test_a_bye_of_the_callee_reaches_the_caller",
        f"{CLIENTS}::test_the_headers_of_a_bye_arrive",
    ),
    "sendonly or inactive is a hold, passed on end to end": (f"{CALLS}::test_a_hold_is_passed_on_end_to_end",),
    "A hold that the other side refuses is refused": (
        f"{CALLS}::test_a_hold_that_the_other_side_refuses_is_refused",
        f"{CLIENTS}::test_a_hold_that_is_refused_leaves_the_call",
    ),
    "ICE stays as it is in a re-INVITE": (f"{CALLS}::test_a_reinvite_keeps_the_servers_ice",),
    "A re-INVITE without SDP gets the current SDP": (f"{CALLS}::test_a_reinvite_without_sdp_gets_the_current_sdp",),
    "A call without media is ended: silence flows while muted or held": (
        "media/test_session.py::test_mute_sends_silence_and_never_stops",
        "media/test_session.py::test_our_hold_is_sendonly_and_silence_flows",
    ),
    "DTMF by INFO becomes an RTP event": (
        f"{CALLS}::test_dtmf_by_info_is_taken_and_never_goes_on_as_info",
        f"{DTMF}::test_tones_by_info_become_rtp_as_jambonz_makes_them",
    ),
    "A to D by INFO: 500 to a caller, no answer to a callee": (
        f"{CALLS}::test_dtmf_a_to_d_is_500_to_a_caller_and_never_answered_to_a_callee",
        f"{CLIENTS}::test_a_to_d_by_info_is_500_to_a_caller",
        f"{IN_DIALOG}::test_unanswered_for_5_s",
    ),
    "RTP events work; an application reads A to D as 1": (
        f"{DTMF}::test_tones_by_rtp_reach_the_other_side_both_ways",
        f"{ROBOTS}::test_an_application_reads_a_to_d_as_1",
    ),
    "The server sends tones as RTP events": (f"{DTMF}::test_tones_by_info_become_rtp_as_jambonz_makes_them",),
    "REFER: 501 without a referHook, or without Referred-By": (
        f"{CALLS}::test_refer_is_501_without_a_hook",
        f"{TRANSFERS}::test_without_a_referhook_a_transfer_is_501_and_the_call_stays",
    ),
    "REFER with a referHook: 202, no NOTIFY, mostly a BYE": (
        f"{TRANSFERS}::test_a_referhook_sends_no_notify_and_ends_the_call_by_bye",
        f"{TRANSFERS}::test_a_referhook_that_fails_says_nothing_and_the_call_stays",
        f"{TRANSFER}::test_a_bye_after_the_2xx_is_a_success",
        f"{TRANSFER}::test_silence_after_the_2xx_is_an_unconfirmed_success",
    ),
    "REFER may stay unanswered": (f"{TRANSFER}::test_no_answer_to_the_refer_in_32_s",),
    "REFER comes from the server (sip:refer), which waits for NOTIFYs": (
        f"{REFERRED}::test_a_transfer_that_succeeds",
        f"{REFERRED}::test_a_refusal",
    ),
    "Any other INFO is answered as the other side answers it": (
        f"{CALLS}::test_any_other_info_is_answered_as_the_other_side_answers",
    ),
    "Noise isolation is a silent 200": (
        f"{CALLS}::test_noise_isolation_is_a_silent_200",
        f"{CLIENTS}::test_noise_isolation_is_accepted_and_does_nothing",
    ),
    "An application may send INFO": (f"{CLIENTS}::test_an_application_may_send_info",),
    "MESSAGE outside a dialog is 503, inside it works": (
        f"{CALLS}::test_strict_takes_the_kindnesses_away",
        f"{CALLS}::test_a_message_in_the_call_is_passed_on",
        f"{CLIENTS}::test_a_message_outside_a_call_is_503_on_a_stock_server",
    ),
    "No session timer of its own; an offer is declined silently, but with refresher=uac it is echoed": (
        f"{CALLS}::test_no_session_timer_goes_on_to_the_callee_and_none_is_echoed",
        f"{CALLS}::test_a_session_timer_of_the_caller_is_echoed",
    ),
    "UPDATE is 200, nobody listens": (f"{CALLS}::test_update_is_200",),
    "Media: UDP/TLS/RTP/SAVPF with rtcp-mux; the codec follows the client's order": (
        f"{CALLS}::test_the_callee_is_offered_dtls_srtp_over_plain_ws",
        f"{CLIENTS}::test_the_codec_follows_the_clients_order",
    ),
}


@cache
def _tests_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, functions) and node.name.startswith("test_"))


@pytest.mark.parametrize("sentence", SENTENCES)
def test_its_tests_are_there(sentence: str) -> None:
    for test in SENTENCES[sentence]:
        file, _, name = test.partition("::")
        assert name in _tests_in(file), f"{test} is gone; say what shows {sentence!r} now"


def test_every_test_of_a_client_shows_a_sentence() -> None:
    named = {test.partition("::")[2] for tests in SENTENCES.values() for test in tests}
    assert _tests_in(CLIENTS) <= named
