"""The names of the documented API of the JavaScript SDK, and of what it exports without documenting it."""

DOCUMENTED = {
    "Factories": """createJambonzClient useJambonzClient useCall JambonzClient JambonzCall JambonzAudioManager
        JambonzError RegistrationError CallError ConnectionError ClientState CallState CallDirection CallQualityStats
        AudioDevice CallEndCause VERSION DEFAULT_USER_AGENT""",
    "JambonzClientOptions": """server username password displayName realm autoRegister registerExpires userAgent
        registerHeaders""",
    "JambonzClient": """connect disconnect register unregister call callUser callQueue callConference callApplication
        sendMessage state isRegistered calls callCount on off once conference""",
    "JambonzClient: events": """registered unregistered registrationFailed incoming stateChanged connected disconnected
        message error""",
    "ClientState": "disconnected connecting connected registered reconnecting unregistered error",
    "JambonzCall": """answer hangup hold unhold mute unmute toggleMute sendDTMF transfer attendedTransfer getStats
        startQualityMonitoring stopQualityMonitoring id state direction isMuted isHeld duration remoteIdentity on off
        once enableNoiseIsolation disableNoiseIsolation""",
    "JambonzCall: events": """accepted progress ended failed stateChanged hold mute dtmf transferred transferFailed
        qualityStats""",
    "CallState": "idle ringing connecting connected held ended",
    "CallDirection": "inbound outbound",
    "JambonzCallOptions": "headers mediaConstraints pcConfig noAnswerTimeout preferredCodecs record",
    "CallQualityStats": """roundTripTime jitter packetLoss packetsSent packetsReceived packetsLost codec timestamp""",
    "CallEndCause": "code reason",
    "SipMessage": "from body contentType",
    "useJambonzClient": "client state isRegistered isConnecting error connect disconnect",
    "useCall": """call state isMuted isHeld isActive incomingCaller makeCall answerIncoming declineIncoming hangup
        toggleMute toggleHold sendDtmf transfer""",
    "JambonzError": "message",
    "RegistrationError": "message code",
    "CallError": "message code reason",
    "ConnectionError": "message",
    "JambonzAudioManager": "enumerateDevices getMicrophones getSpeakers setOutputDevice playTone stopTone",
    "AudioDevice": "deviceId label kind",
    **dict.fromkeys(("StateObservable", "CallAudio", "Playback", "AudioFrame", "jzrx.media"), ""),
    "Left out": "conference PlatformAdapter CallQualityMonitor ClientEventMap CallEventMap AudioConstraints",
}
