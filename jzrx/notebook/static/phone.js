// The phone as it is seen: `view` (jzrx.ui.view.PhoneView) in, what is pressed out. Nothing is decided here.

const PATIENCE = 10000; // ms without a word of the kernel, which says that it lives every 3 s

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];
const SPOKEN = { "*": "star", "#": "pound" };

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && name !== "role" && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const button = (label, press, attributes = {}) =>
  element("button", { type: "button", textContent: label, onclick: press, ...attributes });

// Only what changed is written, so that a screen reader does not say everything again.
function write(node, text) { if (node.textContent !== text) node.textContent = text; }

function clock(seconds) {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

// What has the keyboard, if it is inside.
function focusIn(node) {
  const focused = node.getRootNode().activeElement;
  return node.contains(focused) ? focused : null;
}

const canHaveFocus = (node) => node.isConnected && !node.disabled && !node.closest("[hidden]");

// --- one call ------------------------------------------------------------------------------------------------------

class Card {
  constructor(id, press) {
    this.id = id;
    this.press = press;
    this.asking = false; // whom to transfer to
    const act = (action) => () => press(action, id);
    this.who = element("strong", { className: "jzrx-who" });
    this.status = element("span", { className: "jzrx-status" });
    this.time = element("span", { className: "jzrx-time", role: "timer" });
    this.quality = element("div", { className: "jzrx-quality" });
    this.warnings = element("div", { className: "jzrx-warnings", role: "status", ariaLabel: "Warnings" });
    this.hangup = button("Hang up", act("hangup"), { className: "jzrx-no" });
    this.mute = button("Mute", act("toggle_mute"), { className: "jzrx-toggle" });
    this.hold = button("Hold", () => press(this.shown.is_held ? "unhold" : "hold", id), { className: "jzrx-toggle" });
    this.turn = button("Switch to", act("switch_to"));
    this.transfer = button("Transfer", () => this.ask(!this.asking), { ariaExpanded: "false" });
    this.target = element("input", { placeholder: "transfer to", ariaLabel: "Transfer to", autocomplete: "off" });
    this.others = element("span");
    this.form = element(
      "form",
      {
        className: "jzrx-row",
        hidden: true,
        onsubmit: (event) => {
          event.preventDefault();
          if (this.target.value.trim()) { press("transfer", id, { target: this.target.value.trim() }); this.ask(false); }
        },
        onkeydown: (event) => { if (event.key === "Escape") this.ask(false); },
      },
      this.target,
      element("button", { type: "submit", textContent: "Transfer" }),
      this.others,
    );
    this.root = element(
      "li",
      { className: "jzrx-call", tabIndex: -1 },
      element("div", { className: "jzrx-row" }, this.who, this.status, this.time),
      this.quality,
      this.warnings,
      element("div", { className: "jzrx-row" }, this.hangup, this.mute, this.hold, this.turn, this.transfer),
      this.form,
    );
  }

  ask(asking) {
    if (!asking && focusIn(this.form)) this.transfer.focus();
    this.asking = asking;
    this.form.hidden = !asking;
    this.transfer.ariaExpanded = String(asking);
    if (asking) { this.target.value = ""; this.target.focus(); }
  }

  show(call, others) {
    this.shown = call;
    this.since = call.seconds === null ? null : Date.now() - call.seconds * 1000;
    this.root.classList.toggle("jzrx-current", call.is_current);
    this.root.ariaCurrent = String(call.is_current);
    write(this.who, call.who);
    write(this.status, call.status + (call.is_muted ? ", muted" : ""));
    write(this.quality, call.quality);
    if (this.warnings.children.length !== call.warnings.length || call.warnings.some((text, i) => this.warnings.children[i].textContent !== text))
      this.warnings.replaceChildren(...call.warnings.map((text) => element("div", { textContent: text })));
    this.hangup.disabled = !call.can.hangup;
    this.mute.disabled = !(call.can.mute || call.can.unmute);
    this.mute.ariaPressed = String(call.is_muted);
    this.hold.disabled = !(call.can.hold || call.can.unhold);
    this.hold.ariaPressed = String(call.is_held);
    this.turn.hidden = call.is_current || !call.can.switch_to;
    this.transfer.disabled = !call.can.transfer;
    if (!call.can.transfer && this.asking) this.ask(false);
    const known = others.map((other) => other.id).join();
    if (known !== this.known) {
      this.known = known;
      this.others.replaceChildren(
        ...others.map((other) =>
          button(`Connect with ${other.who}`, () => { this.press("connect_to", this.id, { other: other.id }); this.ask(false); }),
        ),
      );
    }
    this.tick();
  }

  tick() { write(this.time, this.since === null ? "" : clock(Math.floor((Date.now() - this.since) / 1000))); }
}

// --- the phone -----------------------------------------------------------------------------------------------------

class Phone {
  constructor(model, sound) {
    this.model = model;
    this.sound = sound;
    this.cards = new Map();
    this.shownMessages = this.readMessages = 0;
    this.heardAt = Date.now();
    const press = (...pressed) => this.press(...pressed);
    this.press = this.press.bind(this);
    this.state = element("span", { className: "jzrx-state", role: "status" });
    this.connection = button("Connect", () => press(this.view.can.disconnect ? "disconnect" : "connect"));
    this.audio = button("Browser audio", () => this.toggleSound(), { className: "jzrx-toggle", ariaPressed: "false" });
    this.disturb = button("Do not disturb", () => press("toggle_do_not_disturb"), { className: "jzrx-toggle" });
    this.caller = element("strong");
    this.banner = element(
      "div",
      { className: "jzrx-banner jzrx-row", role: "alert", hidden: true },
      this.caller,
      button("Answer", () => this.pressIncoming("answer"), { className: "jzrx-yes" }),
      button("Decline", () => this.pressIncoming("decline"), { className: "jzrx-no" }),
    );
    this.notice = element("div", { className: "jzrx-notice", role: "alert" });
    this.target = element("input", { placeholder: "number, user or SIP URI", ariaLabel: "Whom to call", autocomplete: "off" });
    this.dial = element("button", { type: "submit", textContent: "Call", className: "jzrx-yes" });
    this.pad = element(
      "div",
      { className: "jzrx-pad", role: "group", ariaLabel: "Dial pad" },
      ...KEYS.map((key) => button(key, () => this.pressKey(key), { ariaLabel: SPOKEN[key] ?? key })),
    );
    const meter = (name) => element("meter", { min: 0, max: 1, value: 0, ariaLabel: name, title: name });
    this.mine = meter("My level");
    this.theirs = meter("Level of the other side");
    this.list = element("ul", { className: "jzrx-calls", ariaLabel: "Calls" });
    this.log = element("div", { className: "jzrx-messages", role: "log", ariaLabel: "Messages" });
    this.text = element("input", { placeholder: "message to whom stands above", ariaLabel: "Message", autocomplete: "off" });
    this.unread = element("summary", { textContent: "Messages" });
    this.messages = element(
      "details",
      { ontoggle: () => this.showUnread() },
      this.unread,
      this.log,
      element("form", { onsubmit: (event) => { event.preventDefault(); this.pressSend(); } }, this.text),
    );
    this.root = element(
      "section",
      // Jupyter's own keyboard commands keep out of it.
      { className: "jzrx", ariaLabel: "Phone", "data-lm-suppress-shortcuts": "true", onkeydown: (event) => event.stopPropagation() },
      element("header", { className: "jzrx-row" }, this.state, this.connection, this.disturb, this.audio),
      this.banner,
      this.notice,
      element(
        "div",
        { className: "jzrx-body" },
        element(
          "div",
          { className: "jzrx-dial" },
          element("form", { className: "jzrx-row", onsubmit: (event) => { event.preventDefault(); this.pressCall(); } }, this.target, this.dial),
          this.pad,
          element("div", { className: "jzrx-row" }, this.mine, this.theirs),
        ),
        element(
          "div",
          { className: "jzrx-side" },
          this.list,
          this.messages,
        ),
      ),
    );
  }

  press(action, call = "", given = {}) { this.model.send({ type: "press", do: action, call, with: given }); }

  pressIncoming(action) { if (this.view.incoming.length) this.press(action, this.view.incoming[0].id); }

  pressCall() { if (this.target.value.trim()) this.press("call", "", { target: this.target.value.trim() }); }

  pressKey(key) {
    const current = this.view.calls.find((call) => call.is_current);
    if (current?.can.send_dtmf) this.press("send_dtmf", current.id, { tones: key });
    else this.target.value += key;
  }

  pressSend() {
    if (this.text.value && this.target.value.trim()) {
      this.press("send_message", "", { target: this.target.value.trim(), body: this.text.value });
      this.text.value = "";
    }
  }

  async toggleSound() {
    if (this.model.get("has_sound")) {
      this.press("sound", "", { on: false });
      await this.sound.stop();
      return;
    }
    try {
      await this.sound.start();
      this.press("sound", "", { on: true });
    } catch (error) {
      write(this.notice, `The browser gives no microphone: ${error.message}`);
    }
  }

  show() {
    const view = (this.view = this.model.get("view"));
    if (!view.state) return;
    const focused = focusIn(this.root);
    this.root.dataset.state = view.state;
    write(this.state, `${view.account}: ${view.status}`);
    write(this.connection, view.can.disconnect ? "Disconnect" : "Connect");
    this.disturb.disabled = !view.can.disconnect;
    this.disturb.ariaPressed = String(view.do_not_disturb);
    this.audio.ariaPressed = String(this.model.get("has_sound"));
    write(this.notice, view.notice);
    const [first, ...more] = view.incoming;
    this.banner.hidden = !first;
    if (first) write(this.caller, `${first.who} calls${more.length ? ` (and ${more.length} more)` : ""}`);
    this.dial.disabled = !view.can.call;
    this.showCalls(view.calls);
    const known = Math.max(0, view.messages.length - (view.message_count - this.shownMessages));
    for (const message of view.messages.slice(known))
      this.log.append(element("div", { textContent: `${message.is_ours ? "to " : ""}${message.peer}: ${message.body}` }));
    while (this.log.children.length > view.messages.length) this.log.firstChild.remove();
    this.shownMessages = view.message_count;
    this.showUnread();
    // What had the keyboard may have gone, as Answer does: it goes on at the call, or where the next one is dialled.
    if (focused && !canHaveFocus(focused)) {
      const current = view.calls.find((call) => call.is_current);
      (current ? this.cards.get(current.id).root : this.target).focus();
    }
  }

  // How many came while they were not open.
  showUnread() {
    if (this.messages.open) this.readMessages = this.shownMessages;
    const unread = this.shownMessages - this.readMessages;
    write(this.unread, unread ? `Messages (${unread})` : "Messages");
  }

  showCalls(calls) {
    const living = new Set(calls.map((call) => call.id));
    for (const [id, card] of this.cards) if (!living.has(id)) { card.root.remove(); this.cards.delete(id); }
    for (const call of calls) {
      if (!this.cards.has(call.id)) {
        const card = new Card(call.id, this.press);
        this.cards.set(call.id, card);
        this.list.append(card.root);
      }
      this.cards.get(call.id).show(call, calls.filter((other) => other.id !== call.id && other.seconds !== null));
    }
  }

  tick() {
    this.cards.forEach((card) => card.tick());
    this.mine.value = Math.sqrt(this.sound.level);
    if (Date.now() - this.heardAt > PATIENCE && !this.root.inert) this.end();
  }

  // The kernel lives.
  heard() {
    this.heardAt = Date.now();
    if (this.root.inert) { this.root.inert = false; this.show(); }
  }

  // A kernel that ended or restarted says nothing of it.
  end() {
    this.root.inert = true;
    this.root.dataset.state = "error";
    this.banner.hidden = true;
    write(this.state, "The kernel of this phone has ended: run its cell again.");
  }
}

// Called once for each phone, however many views it has: they share its sound.
export default () => {
  let sound;
  return {
    initialize({ model }) {
      sound = new Sound((buffer) => model.send({ type: "sound" }, undefined, [buffer]));
      model.on("msg:custom", (content, buffers) => { if (content.type === "sound") sound.play(buffers[0]); });
      // After a reload of the page nobody speaks any more.
      if (model.get("has_sound")) model.send({ type: "press", do: "sound", with: { on: false } });
      return () => sound.stop();
    },

    render({ model, el }) {
      const phone = new Phone(model, sound);
      const listeners = {
        "change:view": () => phone.show(),
        "change:has_sound": () => phone.show(),
        "msg:custom": (content) => {
          phone.heard();
          if (content.type === "level") phone.theirs.value = Math.sqrt(content.level);
        },
      };
      for (const [event, listener] of Object.entries(listeners)) model.on(event, listener);
      const clock = setInterval(() => phone.tick(), 250);
      el.append(phone.root);
      phone.show();
      return () => {
        clearInterval(clock);
        for (const [event, listener] of Object.entries(listeners)) model.off(event, listener);
      };
    },
  };
};
