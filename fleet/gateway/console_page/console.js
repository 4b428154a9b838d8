"use strict";
// Text only ever enters the page as text: what tasks are called and why they failed was written by others.
(() => {
  const KEY = "fleet-api-key", EVERY_MS = 5000;
  const at = (id) => document.getElementById(id);
  const make = (name, content = "", kind = "") => {
    const node = document.createElement(name);
    if (kind) node.className = kind;
    node.append(content instanceof Node ? content : String(content));
    return node;
  };

  const lasting = (seconds) => {
    if (seconds < 10) return `${seconds.toFixed(1)} s`;
    if (seconds < 60) return `${seconds.toFixed(0)} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
    return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
  };
  const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 19);
  const dollars = (text) => {
    const value = Number(text);
    return value === 0 || Math.abs(value) >= 0.01 ? value.toFixed(2) : value.toFixed(6).replace(/0+$/, "");
  };
  const share = (value) => `${Math.round(value * 100)} %`;

  async function ask(path, parameters = {}, method = "GET", sent = null) {
    const given = Object.entries(parameters).filter(([, value]) => value);
    const query = given.length ? `?${new URLSearchParams(given)}` : "";
    const headers = { authorization: `Bearer ${sessionStorage.getItem(KEY) || ""}` };
    const more = sent ? { body: JSON.stringify(sent) } : {};
    if (sent) headers["content-type"] = "application/json";
    const answer = await fetch(`api/v1/${path}${query}`, { method, headers, credentials: "omit", ...more });
    const document = await answer.json();
    if (answer.ok) return document;
    if (answer.status === 401) forget();
    throw new Error(document.detail || document.title || `the gateway answered ${answer.status}`);
  }

  // What an operator may do here: [what the button says, its question, what follows].
  const ACTS = {
    acknowledge: ["Take", "Take this incident?", "It is yours, and not repeated until it is resolved."],
    drain: ["Drain", "Drain this worker?", "It finishes what it runs and takes nothing new."],
    undrain: ["Undrain", "Let this worker take tasks again?", "Held tasks may go to it at once."],
    pause: ["Pause", "Pause this pool?", "What runs goes on; nothing more is released to it until it is resumed."],
    resume: ["Resume", "Resume this pool?", "Held tasks may go to it at once."],
  };
  let mayAct = false, chosen = null;

  function act(verb, target) {
    if (!mayAct) return "";
    const button = make("button", ACTS[verb][0], "small");
    button.type = "button";
    button.setAttribute("aria-label", `${ACTS[verb][0]} ${target}`);
    button.addEventListener("click", () => {
      chosen = { verb, target };
      at("ask-head").textContent = ACTS[verb][1];
      at("ask-what").textContent = `${target}. ${ACTS[verb][2]}`;
      at("ask-yes").textContent = ACTS[verb][0];
      at("ask-why").value = at("ask-said").textContent = "";
      at("ask").showModal();
    });
    return button;
  }
  async function fulfil({ verb, target }, why) {
    if (verb === "pause") {
      const { cells } = await ask("pauses", {}, "POST", { name: target, why: why || "paused in the console" });
      return `${target} is paused in ${cells.join(", ")}: what runs goes on, nothing more is released to it`;
    }
    if (verb === "resume") {
      const { cells } = await ask(`pauses/${encodeURIComponent(target)}`, {}, "DELETE");
      return `${target} is resumed in ${cells.join(", ")}`;
    }
    return (await ask("acts", {}, "POST", { verb, target, why })).said;
  }
  at("ask-no").addEventListener("click", () => at("ask").close());
  at("ask-yes").addEventListener("click", async () => {
    at("ask-yes").disabled = true;
    try {
      const said = await fulfil(chosen, at("ask-why").value.trim());
      at("ask").close();
      await look();
      say(said, "done");
    } catch (error) {
      at("ask-said").textContent = error.message;
    } finally {
      at("ask-yes").disabled = false;
    }
  });
  const say = (text, kind = "") => {
    at("said").className = kind;
    at("said").textContent = text;
  };

  // A column is [head, cell, kind]; the first one names its row.
  function table(place, columns, rows, none) {
    if (!rows.length) return place.replaceChildren(make("p", none, "quiet"));
    const heads = make("tr"), body = make("tbody"), head = make("thead", heads);
    for (const [name, , kind] of columns) {
      heads.append(make("th", name, kind === "number" ? "number" : ""));
      heads.lastChild.scope = "col";
    }
    for (const row of rows) {
      const line = make("tr");
      columns.forEach(([, cell, kind], index) => {
        const node = make(index ? "td" : "th", cell(row), kind || "");
        if (!index) node.scope = "row";
        line.append(node);
      });
      body.append(line);
    }
    const whole = make("table", head);
    whole.append(body);
    place.replaceChildren(make("div", whole, "scroll"));
  }

  function meter(fill) {
    const node = make("span"), bar = document.createElement("meter");
    Object.assign(bar, { min: 0, max: 100, high: 80, optimum: 0, value: Math.min(100, fill.percent_spent) });
    bar.setAttribute("aria-label", `${fill.budget} spent`);
    node.append(bar, ` ${fill.percent_spent} %`);
    return node;
  }

  // The cost job reports every hour: the picture is as old as its report, the budgets beside it are of now.
  function bars(report) {
    const days = Object.entries(report?.daily_usd || {}).slice(-31);
    if (!days.length) return at("spending").replaceChildren(make("figcaption", "No chart yet: the cost job has not reported, or nothing was spent."));
    const most = Math.max(...days.map(([, usd]) => Number(usd)), 1e-6), draw = "http://www.w3.org/2000/svg";
    const picture = document.createElementNS(draw, "svg");
    for (const [name, value] of [["viewBox", "0 0 310 100"], ["preserveAspectRatio", "none"], ["role", "img"],
      ["aria-label", `US dollars a day, ${days[0][0]} to ${days.at(-1)[0]}`]]) picture.setAttribute(name, value);
    days.forEach(([day, usd], index) => {
      const height = Math.max(1, (Number(usd) / most) * 100), bar = document.createElementNS(draw, "rect");
      for (const [name, value] of [["x", index * 10 + 1], ["y", 100 - height], ["width", 8], ["height", height]]) {
        bar.setAttribute(name, value);
      }
      const title = document.createElementNS(draw, "title");
      title.textContent = `${day}: ${dollars(usd)} USD`;
      bar.append(title);
      picture.append(bar);
    });
    const said = `USD a day, ${days[0][0]} to ${days.at(-1)[0]}; the highest bar is ${dollars(most)}. As of ${report.at.slice(11, 16)} UTC.`;
    at("spending").replaceChildren(picture, make("figcaption", said));
  }

  const doing = (cell) => (mayAct ? [["Act", cell]] : []);

  function show(glance, costs) {
    at("cell").textContent = glance.cell;
    at("facts").textContent = `${clock(glance.at)} UTC · last hour ${dollars(glance.spent_last_hour_usd)} USD`;
    const mode = glance.emergency;
    at("emergency").hidden = !mode.until;
    at("emergency").textContent = mode.until
      ? `Emergency mode until ${clock(mode.until)} UTC${mode.action ? ` or fleet actions undo ${mode.action}` : ""}: ${share(mode.share)} `
        + `of ordinary submissions (priority 0 to 7) are admitted, urgent ones (8 and 9) pass. ${mode.why}` : "";
    table(at("incidents"), [["Incident", (row) => row.key], ["Severity", (row) => make("span", row.severity, row.severity)],
      ["Since", (row) => lasting(Math.max(0, glance.at - row.since)), "number"],
      ["Status", (row) => row.status + (row.acknowledged_by ? ` by ${row.acknowledged_by}` : "")],
      ...doing((row) => (row.status === "firing" ? act("acknowledge", row.key) : ""))],
    glance.incidents, "None.");
    table(at("pools"), [["Pool", (row) => row.name], ["Target", (row) => row.target ?? "-", "number"],
      ["Ready", (row) => make("span", row.ready, row.target !== null && row.ready < row.target ? "warning" : ""), "number"],
      ["In flight", (row) => `${row.busy} of ${row.slots}`, "number"],
      ["Success", (row) => make("span", share(row.success_rate), row.success_rate < 0.8 ? "critical" : ""), "number"],
      ["Mean run", (row) => lasting(row.service_seconds), "number"],
      ["State", (row) => row.paused ? make("span", `paused: ${row.paused}`, "warning")
        : row.is_ejected ? make("span", "ejected", "critical") : make("span", "open", "good")],
      ["Why this target", (row) => row.reason, "quiet"],
      ...doing((row) => act(row.paused ? "resume" : "pause", row.name))], glance.pools, "No pool is declared.");
    table(at("lanes"), [["Task type", (row) => row.task_type], ["Held", (row) => row.held, "number"],
      ["Oldest waits", (row) => lasting(row.age_seconds), "number"],
      ["State", (row) => row.paused ? make("span", `paused: ${row.paused}`, "warning") : "waiting"]],
    glance.lanes, "Nothing waits.");
    table(at("workers"), [["Worker", (row) => row.worker_id], ["Pool", (row) => row.pool],
      ["Status", (row) => make("span", row.status, row.status === "failed" ? "critical" : "")],
      ["Running", (row) => `${row.running} of ${row.slots}`, "number"],
      ["Silent", (row) => lasting(row.silent_seconds), "number"],
      ...doing((row) => (row.status === "failed" ? "" : act(row.status === "maintenance" ? "undrain" : "drain", row.worker_id)))],
    glance.workers, "No worker is on the roster.");
    table(at("budgets"), [["Budget", (row) => row.budget], ["Window", (row) => row.window],
      ["Spent", (row) => dollars(row.spent_usd), "number"], ["Reserved", (row) => dollars(row.reserved_usd), "number"],
      ["Limit, USD", (row) => dollars(row.limit_usd), "number"], ["Full", meter]],
    glance.budgets, "No budget is declared.");
    bars(costs.report);
  }

  async function search() {
    const wanted = Object.fromEntries(["state", "task_type", "pool"].map((id) => [id, at(id).value.trim()]));
    const { tasks } = await ask("tasks", { ...wanted, limit: 50 });
    table(at("tasks"), [["Task", (row) => {
      const button = make("button", row.task_id, "id");
      button.type = "button";
      button.setAttribute("aria-label", `Explain ${row.task_id}`);
      button.addEventListener("click", () => safely(() => explain(row.task_id)));
      return button;
    }], ["Type", (row) => row.task_type], ["Tenant", (row) => row.tenant],
      ["Pool", (row) => row.pool || "-"],
      ["State", (row) => make("span", row.state, ["failed", "dead"].includes(row.state) ? "critical" : "")],
      ["Attempt", (row) => row.attempt, "number"], ["Reason", (row) => row.reason, "quiet"]], tasks, "No task fits.");
  }

  async function explain(id) {
    const { said } = await ask(`tasks/${encodeURIComponent(id)}/decision`);
    at("why").textContent = said.join("\n");
    at("explanation").hidden = false;
    at("explanation").focus();
  }

  async function look() {
    const [glance, costs, me] = await Promise.all([ask("glance"), ask("costs"), ask("whoami")]);
    if (!sessionStorage.getItem(KEY)) return;
    mayAct = me.role === "operator" || me.role === "admin";
    const focused = document.activeElement?.closest("table") && document.activeElement.getAttribute("aria-label");
    show(glance, costs);
    for (const [id, hidden] of [["login", true], ["fleet", false], ["forget", false]]) at(id).hidden = hidden;
    // The tables are new ones: whoever goes by keyboard stays on the same button.
    if (focused) document.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
  }

  function forget() {
    sessionStorage.removeItem(KEY);
    mayAct = false;
    at("ask").close();
    for (const [id, hidden] of [["login", false], ["fleet", true], ["forget", true]]) at(id).hidden = hidden;
    for (const id of ["facts", "cell"]) at(id).textContent = "";
    for (const id of ["incidents", "pools", "lanes", "workers", "budgets", "spending", "tasks", "why"]) at(id).replaceChildren();
  }

  async function safely(what) {
    say("");
    try {
      await what();
    } catch (error) {
      say(error.message);
    }
  }

  const on = (id, what) => at(id).addEventListener("submit", (event) => {
    event.preventDefault();
    safely(what);
  });
  on("login", async () => {
    sessionStorage.setItem(KEY, at("key").value.trim());
    at("key").value = "";
    await look();
    await search();
  });
  on("search", search);
  on("find", () => explain(at("task_id").value.trim()));
  at("forget").addEventListener("click", forget);
  window.setInterval(() => {
    if (!document.hidden && sessionStorage.getItem(KEY)) look().catch((error) => say(error.message));
  }, EVERY_MS);
  if (sessionStorage.getItem(KEY)) safely(async () => { await look(); await search(); });
})();
