// A phone on JsSIP: a tone for its microphone, an analyser for its ear. Everything is asked for by browser.py.

class Phone {
  // Registers, and resolves to the phone.
  static async start(options) {
    // Chromium hides its addresses behind mDNS names until a page may use the microphone.
    const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
    microphone.getTracks().forEach((track) => track.stop());
    const phone = new Phone(options);
    await phone.until((event) => event.name === "registered");
    return phone;
  }

  constructor({ url, uri, password, hz, timers }) {
    this.events = [];
    this.waiting = new Set();
    this.sessions = [];
    this.refuses = false;
    this.audio = new AudioContext({ sampleRate: 48000 });
    const oscillator = new OscillatorNode(this.audio, { frequency: hz });
    const destination = new MediaStreamAudioDestinationNode(this.audio, { channelCount: 1 });
    oscillator.connect(new GainNode(this.audio, { gain: 0.25 })).connect(destination);
    oscillator.start();
    this.microphone = destination.stream;
    // The last 8192 samples, 171 ms; nothing of what was before.
    this.ear = new AnalyserNode(this.audio, { fftSize: 8192, smoothingTimeConstant: 0 });
    this.ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(url)],
      uri,
      password,
      session_timers: timers,
      register_expires: 60,
    });
    for (const name of ["registered", "registrationFailed"]) {
      this.ua.on(name, () => this.happened({ name }));
    }
    this.ua.on("newRTCSession", ({ session }) => this.follow(session));
    // JsSIP answers a message with 200 by itself.
    this.ua.on("newMessage", ({ originator, request }) =>
      this.happened({ name: "message", originator, body: request.body, type: request.getHeader("content-type") }));
    this.ua.start();
  }

  follow(session) {
    this.session = session;
    this.sessions.push(session);
    session.on("refer", ({ request, accept, reject }) => {
      this.happened({ name: "refer", target: String(request.refer_to.uri) });
      if (this.refuses) {
        reject();
        return;
      }
      // JsSIP does not pass Referred-By on by itself, which RFC 3892 section 2.2 wants.
      const extraHeaders = [`Referred-By: ${request.getHeader("referred-by")}`];
      accept(() => {}, { ...this.options, extraHeaders });
    });
    session.on("replaces", ({ accept }) => {
      this.happened({ name: "replaces" });
      // It makes the new session, which `follow` then has as the current one, but does not answer it.
      accept(() => {});
      this.session.answer(this.options);
    });
    for (const name of ["progress", "accepted", "confirmed", "ended", "failed", "hold", "unhold"]) {
      session.on(name, ({ originator, cause, message }) =>
        this.happened({ name, originator, cause, status: message?.status_code }));
    }
    session.on("newDTMF", ({ originator, dtmf }) => this.happened({ name: "dtmf", originator, tone: dtmf.tone }));
    const listen = (connection) => connection.addEventListener("track", ({ track }) => this.hear(track));
    if (session.connection) {
      listen(session.connection);
    } else {
      session.on("peerconnection", ({ peerconnection }) => listen(peerconnection));
    }
    this.happened({ name: "session", originator: session.direction === "incoming" ? "remote" : "local" });
  }

  hear(track) {
    const stream = new MediaStream([track]);
    // Without a player Chromium does not decode.
    this.player = new Audio();
    this.player.srcObject = stream;
    this.player.play();
    this.source?.disconnect();
    this.source = new MediaStreamAudioSourceNode(this.audio, { mediaStream: stream });
    this.source.connect(this.ear);
  }

  happened(event) {
    this.events.push(event);
    for (const look of [...this.waiting]) {
      look();
    }
  }

  // Resolves to the first event that matches, of those that were not waited for yet.
  until(matches) {
    return new Promise((resolve) => {
      const look = () => {
        const index = this.events.findIndex(matches);
        if (index >= 0) {
          this.waiting.delete(look);
          resolve(this.events.splice(0, index + 1).at(-1));
        }
      };
      this.waiting.add(look);
      look();
    });
  }

  get options() {
    // Each call has tracks of its own: JsSIP disables those of a call on hold, and never enables them when it ends.
    return { mediaStream: this.microphone.clone(), pcConfig: { iceServers: [] } };
  }

  call(target) {
    this.ua.call(target, this.options);
  }

  answer() {
    this.session.answer(this.options);
  }

  // 486, and CANCEL or BYE.
  hangup() {
    this.session.terminate();
  }

  // Sends a message; resolves to the status that it is answered with.
  message(target, body, contentType) {
    return new Promise((resolve) => {
      const answered = ({ response }) => resolve(response?.status_code);
      this.ua.sendMessage(target, body, { contentType, eventHandlers: { succeeded: answered, failed: answered } });
    });
  }

  // Transfers the call `which` (0 the first) to `target`; attended if `consultation` is the number of another call.
  refer(which, target, consultation) {
    const replaces = consultation === null ? undefined : this.consulted(this.sessions[consultation]);
    const eventHandlers = {};
    for (const name of ["requestSucceeded", "requestFailed", "trying", "progress", "accepted", "failed"]) {
      eventHandlers[name] = ({ status_line }) =>
        this.happened({ name: "transfer", outcome: name, status: status_line?.status_code });
    }
    this.sessions[which].refer(target, { replaces, eventHandlers });
  }

  // JsSIP takes a session for `replaces`, and swaps its tags when the other side has made that call (its issue 817).
  consulted(session) {
    if (session.direction === "outgoing") {
      return session;
    }
    return { _request: session._request, _to_tag: session._from_tag, _from_tag: session._to_tag };
  }

  hold() {
    return new Promise((resolve) => this.session.hold({}, resolve));
  }

  /** New ICE, offered by the page. */
  restartIce() {
    return new Promise((resolve) => this.session.renegotiate({ rtcOfferConstraints: { iceRestart: true } }, resolve));
  }

  unhold() {
    return new Promise((resolve) => this.session.unhold({}, resolve));
  }

  // The frequencies of the `count` strongest peaks (Hz, louder than -50 dB, lowest first), and the level (RMS).
  heard(count = 1) {
    const spectrum = new Float32Array(this.ear.frequencyBinCount);
    this.ear.getFloatFrequencyData(spectrum);
    const samples = new Float32Array(this.ear.fftSize);
    this.ear.getFloatTimeDomainData(samples);
    const level = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
    const peaks = [];
    for (let bin = 1; bin < spectrum.length - 1; bin++) {
      const [before, at, after] = spectrum.slice(bin - 1, bin + 2);
      if (at > -50 && at >= before && at > after) {
        // A parabola through the three bins finds what lies between them.
        const shift = (before - after) / (before - 2 * at + after) / 2;
        peaks.push({ strength: at, hz: ((bin + shift) * this.audio.sampleRate) / this.ear.fftSize });
      }
    }
    peaks.sort((one, other) => other.strength - one.strength);
    return { peaks: peaks.slice(0, count).map(({ hz }) => hz).sort((one, other) => one - other), level };
  }

  // The audio RTP counters of the peer connection.
  async counters() {
    const reports = [...(await this.session.connection.getStats()).values()];
    const of = (type) => reports.find((report) => report.type === type && report.kind === "audio");
    const inbound = of("inbound-rtp");
    return {
      sent: of("outbound-rtp").packetsSent,
      received: inbound.packetsReceived,
      lost: inbound.packetsLost,
      codec: reports.find((report) => report.id === inbound.codecId)?.mimeType,
    };
  }
}
