/**
 * A visitor of the page in web/: acts like a user and prints the results as JSON.
 *
 * node visitor.mjs SCENARIO '{"url", "chromium", "profile", ...}'; see tests/web/test_page.py.
 */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// Installed by `make web-files`.
const { chromium } = createRequire(new URL("../../web/package.json", import.meta.url))(
  "playwright-core",
);

const QUIET = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const PATIENCE = 60_000; // milliseconds; other tests may use the CPU, too

const [scenario, options] = [process.argv[2], JSON.parse(process.argv[3])];

/** Opens a page; records its errors and its requests to other hosts. */
async function visit(flags = [], settings = {}) {
  const context = await chromium.launchPersistentContext(options.profile, {
    executablePath: options.chromium,
    args: [...QUIET, ...flags],
    acceptDownloads: true,
    ...settings,
  });
  const seen = { errors: [], foreign: [] };
  // LiteRT logs messages as errors with these prefixes.
  context.on("console", (message) => {
    if (message.type() === "error" && !/^(INFO|WARNING): /.test(message.text()))
      seen.errors.push(message.text());
  });
  context.on("weberror", (error) => seen.errors.push(String(error.error())));
  context.on("request", (request) => {
    const own = [options.url, "data:", "blob:"].some((start) => request.url().startsWith(start));
    if (!own) seen.foreign.push(request.url());
  });
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(PATIENCE);
  await page.goto(options.url);
  return { context, page, seen };
}

const status = (page) => page.locator("#status").textContent();

/** Waits until the status line is no longer that of a busy page. */
async function settled(page) {
  await page.waitForFunction(() => {
    const status = document.getElementById("status");
    return !status.classList.contains("busy") && !status.textContent.endsWith("…");
  });
  return status(page);
}

async function choose(page, file) {
  await page.setInputFiles("#file", file);
  return settled(page);
}

async function drop(page, file) {
  const bytes = readFileSync(file).toString("base64");
  await page.evaluate(
    ([bytes, name]) => {
      const content = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([content], name));
      document
        .getElementById("stage")
        .dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    },
    [bytes, file.split("/").at(-1)],
  );
  return settled(page);
}

/** The record that "Save landmarks" saves. */
async function saved(page) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save")]);
  return JSON.parse(readFileSync(await download.path(), "utf-8"));
}

async function picture(page, name) {
  if (options.pictures) await page.screenshot({ path: `${options.pictures}/${name}.png` });
}

const overflow = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);

const scenarios = {
  async photos() {
    const { context, page, seen } = await visit();
    const result = {};
    await settled(page);
    await picture(page, "empty_light");
    result.blank = { status: await choose(page, options.blank) };
    result.blank.time = await page.locator("#pass-time").textContent();
    result.dropped = { status: await drop(page, options.portrait), record: await saved(page) };
    await picture(page, "light");
    await page.emulateMedia({ colorScheme: "dark" });
    await picture(page, "dark");

    result.broken = { status: await choose(page, options.broken), record: await saved(page) };
    result.broken.isError = await page.locator("#status.error").count();
    await picture(page, "broken");
    await page.emulateMedia({ colorScheme: "light" });

    await page.selectOption("#model", "model");
    await settled(page);
    result.fp32 = await saved(page);
    result.turned = { status: await choose(page, options.turned), record: await saved(page) };
    result.small = { status: await choose(page, options.small), record: await saved(page) };
    await picture(page, "small");
    result.large = { status: await choose(page, options.large), record: await saved(page) };

    result.three = { status: await choose(page, options.three), record: await saved(page) };
    await picture(page, "three");

    result.nobody = { status: await choose(page, options.nobody) };
    result.nobody.canSave = await page.locator("#save").isEnabled();

    await page.setViewportSize({ width: 360, height: 740 });
    result.overflow = [await overflow(page)];
    await choose(page, options.portrait);
    result.overflow.push(await overflow(page));
    await picture(page, "phone");

    result.seen = structuredClone(seen);
    result.blocked = await page.evaluate(
      () =>
        new Promise((resolve) => {
          document.addEventListener("securitypolicyviolation", (event) => resolve(event.blockedURI));
          fetch("http://127.0.0.2:9/").then(() => resolve("sent"), () => {});
        }),
    );
    await context.close();
    return result;
  },

  /** Points at each of two faces side by side. */
  async pointing() {
    const { context, page, seen } = await visit();
    await settled(page);
    await choose(page, options.pair);
    const edge = await page.locator("#overlay").boundingBox();
    const at = (x, y) => [edge.x + x * edge.width, edge.y + y * edge.height];
    const result = { seen, clicked: [] };
    for (const x of options.centres) {
      await page.mouse.click(...at(x, 0.5));
      await settled(page);
      result.clicked.push(await saved(page));
    }
    await page.mouse.move(...at(options.box[0], options.box[1]));
    await page.mouse.down();
    await page.mouse.move(...at(options.box[2], options.box[3]), { steps: 3 });
    await picture(page, "box");
    await page.mouse.up();
    await settled(page);
    result.boxed = await saved(page);
    await context.close();
    return result;
  },

  async camera() {
    const { context, page, seen } = await visit([
      "--use-fake-ui-for-media-stream",
      "--use-fake-device-for-media-stream",
      `--use-file-for-fake-video-capture=${options.film}`,
    ]);
    const result = { seen };
    await settled(page);
    await page.click("#camera-toggle");
    await page.waitForFunction(() => Number(document.getElementById("score").textContent) > 0);
    await page.waitForTimeout(options.seconds * 1000);
    await page.waitForFunction(() => document.getElementById("status").textContent === "Following a face.");
    result.speed = await page.locator("#speed").textContent();
    result.status = await status(page);
    await picture(page, "camera");
    await page.click("#camera-toggle");
    result.record = await saved(page);
    result.stopped = await settled(page);
    result.live = await page.evaluate(() => document.getElementById("camera").srcObject !== null);
    await context.close();
    return result;
  },

  /** A model whose description lacks `face_box`, then a five-point model. */
  async five() {
    const { context, page, seen } = await visit();
    const result = { seen };
    const five = { "model.tflite": options.five, "model.json": options.five.replace(/tflite$/, "json") };
    for (const [name, path] of Object.entries(five)) {
      await page.route(`**/${name}`, (route) => route.fulfill({ path }));
    }
    await page.route("**/model_int8.json", async (route) => {
      const { face_box, ...before } = await (await route.fetch()).json();
      await route.fulfill({ json: before });
    });
    await page.reload();
    await settled(page);
    await choose(page, options.portrait);
    result.before = await saved(page);
    await page.selectOption("#model", "model");
    await settled(page);
    result.five = await saved(page);
    await picture(page, "five");
    await context.close();
    return result;
  },

  /** The server lacks a model or has only half of it. */
  async damaged() {
    const { context, page } = await visit();
    await settled(page);
    await page.route("**/model.tflite", (route) => route.fulfill({ status: 404 }));
    await page.selectOption("#model", "model");
    const result = { seen: { errors: [], foreign: [] }, missing: await settled(page) };
    await page.unroute("**/model.tflite");
    await page.route("**/model.tflite", (route) => route.fulfill({ body: "half a model" }));
    await page.selectOption("#model", "model_int8");
    await settled(page);
    await page.selectOption("#model", "model");
    result.half = await settled(page);
    await page.unroute("**/model.tflite");
    await page.selectOption("#model", "model_int8");
    await settled(page);
    result.portrait = await choose(page, options.portrait);
    await page.selectOption("#model", "model");
    await settled(page);
    result.record = await saved(page);
    await context.close();
    return result;
  },

  async refused() {
    const { context, page, seen } = await visit(["--deny-permission-prompts", "--use-fake-device-for-media-stream"]);
    await settled(page);
    await page.click("#camera-toggle");
    const result = { seen, status: await settled(page) };
    result.pressed = await page.locator("#camera-toggle").getAttribute("aria-pressed");
    await context.close();
    return result;
  },
};

console.log(JSON.stringify(await scenarios[scenario]()));
