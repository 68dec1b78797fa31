// The browser's microphone and speaker, 48 kHz, 16 bit, mono both ways. One for each widget model, however many views.

const RATE = 48000;
const BLOCK = 1920; // samples that go to the kernel at once: 40 ms
const MOST_WAITING = 0.25; // s of sound that may wait to be played: more was held up on the way, and is dropped

// Runs on the page's audio thread.
const WORKLETS = `
class Microphone extends AudioWorkletProcessor {
  constructor() { super(); this.block = new Int16Array(${BLOCK}); this.filled = 0; }
  process([input]) {
    for (const sample of input[0] ?? []) {
      this.block[this.filled++] = Math.max(-1, Math.min(1, sample)) * 32767;
      if (this.filled === this.block.length) { this.port.postMessage(this.block.slice()); this.filled = 0; }
    }
    return true;
  }
}
class Speaker extends AudioWorkletProcessor {
  constructor() {
    super();
    this.waiting = []; this.offset = 0; this.count = 0;
    this.port.onmessage = ({ data }) => {
      this.waiting.push(data); this.count += data.length;
      while (this.count > ${MOST_WAITING * RATE} && this.waiting.length > 1) {
        this.count -= this.waiting.shift().length - this.offset; this.offset = 0;
      }
    };
  }
  process(_, [output]) {
    const samples = output[0];
    for (let i = 0; i < samples.length && this.waiting.length; i++) {
      samples[i] = this.waiting[0][this.offset++] / 32768; this.count--;
      if (this.offset === this.waiting[0].length) { this.waiting.shift(); this.offset = 0; }
    }
    return true;
  }
}
registerProcessor("jzrx-microphone", Microphone);
registerProcessor("jzrx-speaker", Speaker);
`;

class Sound {
  constructor(send) { this.send = send; this.level = 0; }

  // Asks for the microphone: the browser allows that at a click only.
  async start() {
    const constraints = { audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } };
    const stream = await navigator.mediaDevices.getUserMedia(constraints);
    const context = new AudioContext({ sampleRate: RATE });
    const url = URL.createObjectURL(new Blob([WORKLETS], { type: "text/javascript" }));
    try { await context.audioWorklet.addModule(url); } finally { URL.revokeObjectURL(url); }
    const microphone = new AudioWorkletNode(context, "jzrx-microphone", { numberOfOutputs: 0 });
    microphone.port.onmessage = ({ data }) => {
      this.level = Math.sqrt(data.reduce((sum, sample) => sum + sample * sample, 0) / data.length) / 32768;
      this.send(data.buffer);
    };
    context.createMediaStreamSource(stream).connect(microphone);
    const speaker = new AudioWorkletNode(context, "jzrx-speaker", { numberOfInputs: 0, outputChannelCount: [1] });
    speaker.connect(context.destination);
    Object.assign(this, { stream, context, speaker });
    await context.resume();
  }

  play(view) {
    this.speaker?.port.postMessage(new Int16Array(view.buffer, view.byteOffset, view.byteLength / 2).slice());
  }

  async stop() {
    const { stream, context } = this;
    Object.assign(this, { stream: null, context: null, speaker: null, level: 0 });
    stream?.getTracks().forEach((track) => track.stop());
    await context?.close();
  }
}

