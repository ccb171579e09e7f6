// The screen that starts runs: recipe or data, a form of every field, the forecast, the start.

import { get, post } from "../api.js";
import { command, element, fill } from "../dom.js";
import { Asked } from "../start/asked.js";
import { children } from "../start/children.js";
import { showForecast } from "../start/forecast.js";
import { Form } from "../start/form.js";
import { toast } from "../toast.js";

export async function show(place, parameters) {
  const [{ recipes }, schema] = await Promise.all([get("start/recipes"), get("start/form")]);
  const screen = new Screen(place, recipes, schema);
  await screen.begin(parameters.query);
  return () => screen.leave();
}

class Screen {
  constructor(place, recipes, schema) {
    Object.assign(this, { place, recipes, waiting: null, told: null });
    this.asked = new Asked({ recipe: "digits" }, (answer) => this.update(answer));
    this.fields = element("form", { class: "recipe-form", "aria-label": "The recipe\u2019s fields", onsubmit: (event) => event.preventDefault() });
    this.form = new Form(this.fields, schema, this.asked);
    this.settled = element("div", { "aria-live": "polite" });
    this.outlook = element("div", { class: "outlook", "aria-live": "polite" });
    this.look = element("button", { type: "button", class: "main", onclick: () => this.forecast() }, "Forecast");
    this.go = element("button", { type: "button", class: "main", disabled: true, onclick: () => this.start() }, "Start the run");
    this.why = element("p", { class: "quietly" });
    this.ahead = element("div", { class: "panel" }, this.settled, element("div", { class: "tools" }, this.look, this.go), this.why, this.outlook);
    this.list = element("section", { class: "panel started", hidden: true });
    this.started = children(this.list);
  }

  async begin(query) {
    fill(this.place, element("div", { class: "head" }, element("p", { class: "eyebrow" }, "Start"), element("h1", {}, "A new run")),
      element("div", { class: "starting" },
        this.source(),
        element("aside", { class: "ahead", "aria-label": "Command, forecast and start" }, this.ahead, this.list),
        element("div", { class: "asking" }, this.search(), this.fields, this.up())));
    const run = query.get("run");
    const first = run ? { run, recipe: null } : { recipe: query.get("recipe") ?? "digits", data: query.get("data") };
    if (run) this.recipe.value = "";
    else this.recipe.value = first.recipe;
    await this.attempt(() => this.asked.choose(first));
    if (!this.asked.answer) await this.asked.choose({ recipe: "digits", run: null, data: null });
    await this.started.refresh();
  }

  /** The recipe and the data. */
  source() {
    const about = element("p", { class: "help", id: "recipe-about" });
    const options = this.recipes.map((one) => element("option", { value: one.name }, one.name));
    const byData = element("option", { value: "" }, "the one for the data");
    this.recipe = element("select", { id: "recipe", "aria-describedby": "recipe-about", onchange: () => this.choose() }, byData, options);
    this.data = element("input", { id: "data-path", type: "text", autocomplete: "off", spellcheck: "false", placeholder: "the recipe\u2019s own", "aria-describedby": "data-help", onchange: () => this.choose() });
    this.about = about;
    return element("section", { class: "panel source-choice", "aria-label": "Recipe and data" },
      element("div", { class: "field" }, element("label", { for: "recipe" }, "Recipe"), element("div", { class: "control" }, this.recipe), about),
      element("div", { class: "field" }, element("label", { for: "data-path" }, "Data of yours"), element("div", { class: "control" }, this.data),
        element("p", { class: "help", id: "data-help" }, "A file or a folder on this machine, by its path; nothing is uploaded.")));
  }

  search() {
    const sought = element("input", { id: "seek", type: "search", autocomplete: "off", oninput: (event) => this.form.seek(event.target.value) });
    this.reset = element("button", { type: "button", onclick: () => this.attempt(() => this.asked.reset()) }, "Undo all changes");
    return element("div", { class: "tools" }, element("label", { for: "seek" }, "Find a field ", sought), this.reset);
  }

  /** On a phone the form stands below the command. */
  up() {
    return element("button", { type: "button", class: "up", onclick: () => { this.ahead.scrollIntoView(); this.look.focus({ preventScroll: true }); } }, "To the command and the forecast");
  }

  async choose() {
    const recipe = this.recipe.value || null;
    const data = this.data.value.trim() || null;
    await this.attempt(() => this.asked.choose({ recipe, run: recipe ? null : this.asked.asked.run, data }));
  }

  async attempt(work) {
    try {
      await work();
    } catch (fault) {
      fill(this.settled, element("p", { class: "fault", role: "alert" }, fault.message));
      this.stale();
      this.look.disabled = true;
    }
  }

  update(answer) {
    this.form.show(answer);
    const known = this.recipes.find((one) => one.name === answer.recipe);
    fill(this.about, answer.run ? `As the run ${answer.run} has it.` : known?.about ?? "What the data are decides.");
    this.reset.disabled = answer.set.length === 0;
    this.look.disabled = answer.error !== null;
    fill(this.settled, element("h2", {}, "The command"), answer.error
      ? element("p", { class: "fault", role: "alert" }, answer.error) : command(answer.command));
    this.stale();
  }

  /** What was foretold was of another recipe. */
  stale() {
    this.waiting?.abort();
    const same = this.told !== null && JSON.stringify(this.told.asked) === JSON.stringify(this.asked.asked);
    this.go.disabled = !same;
    this.outlook.classList.toggle("stale", this.told !== null && !same);
    fill(this.why, same ? "" : this.told === null ? "A run is started once its forecast has been seen." : "The recipe was changed after this forecast; ask for it again.");
  }

  async forecast() {
    const asked = this.asked.asked;
    const waiting = new AbortController();
    this.waiting?.abort();
    this.waiting = waiting;
    const began = Date.now();
    const clock = setInterval(() => fill(this.why, `Looking at the data and timing some steps, ${Math.round((Date.now() - began) / 1000)} s \u2026`), 500);
    this.look.disabled = true;
    try {
      const { forecast, ticket } = await post("start/forecast", asked, waiting.signal);
      if (waiting.signal.aborted) return;
      this.told = { asked, ticket };
      showForecast(this.outlook, forecast, (edit) => this.attempt(() => this.asked.add(edit)));
    } catch (fault) {
      if (fault.name !== "AbortError") fill(this.outlook, element("p", { class: "fault", role: "alert" }, fault.message));
    } finally {
      clearInterval(clock);
      if (this.waiting === waiting) {
        this.waiting = null;
        this.look.disabled = this.asked.answer?.error !== null;
        this.stale();
      }
    }
  }

  async start() {
    this.go.disabled = true;
    try {
      const child = await post("start/run", this.told);
      toast(`${child.id} is starting.`);
      this.told = null;
      await this.asked.check(this.asked.asked);
    } catch (fault) {
      toast(fault.message, 10);
      this.stale();
    }
    await this.started.refresh();
    this.list.scrollIntoView({ block: "nearest" });
  }

  leave() {
    this.waiting?.abort();
    this.started.remove();
  }
}
