// The slice page: made-up readings show what the picture does with them, from one slice to many;
// a real gateway with a real publisher and viewer shows that it is fed.

import assert from 'node:assert/strict';
import { mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { call, openPage as openTestPage, withBrowsers } from './browser.mjs';
import { Gateway } from './gateway.mjs';
import { eventually } from './sampling.mjs';
import { SlicesFixture } from './slices_fixture.mjs';

const screenshots = mkdtempSync(join(tmpdir(), 'nn5g-slices-'));
const many = (count, make) => Array.from({ length: count }, (_, index) => make(index));

const THREE = {
  linkBps: 100e6,
  slices: [
    {
      id: 'premium',
      guaranteedBps: 40e6,
      maxBps: 60e6,
      tenants: [
        { id: 'acme', maxBps: 20e6, bps: { voice: 96e3, interactive_video: 14e6 } },
        { id: 'anna', bps: { voice: 64e3, interactive_video: 9e6, interactive_data: 2e5 } },
        ...many(30, (i) => ({ id: `avatar-${i}`, maxBps: 4e6, bps: { video: i * 1000 } })),
      ],
    },
    {
      id: 'standard',
      guaranteedBps: 10e6,
      maxBps: 30e6,
      tenants: [
        { id: 'vod', bps: { video: 22e6, bulk: 7.6e6 }, lateOf: 0.01, queued: 120, delayBin: 6 },
      ],
    },
    { id: 'empty', guaranteedBps: 1e6, maxBps: 2e6, tenants: [] },
  ],
};

const MANY = {
  linkBps: 0,
  slices: many(64, (i) => ({
    id: `slice-${i}`,
    guaranteedBps: i % 2 ? 1e6 : 0,
    maxBps: i % 5 ? 10e6 : 0,
    tenants: many(60, (k) => ({ id: `t${i}-${k}`, bps: { voice: k * 100, video: k * 300 } })),
  })),
};

/** The page over made-up readings. `options` are newPage's. */
async function openPage(browser, gateway, scene, options = {}) {
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 }, ...options });
  const fixture = new SlicesFixture(scene);
  page.faults = [];
  page.isAway = false;
  page.on('pageerror', (error) => page.faults.push(error.message));
  await page.route('**/slices', (route) =>
    page.isAway ? route.abort() : route.fulfill({ json: fixture.next() }),
  );
  await page.goto(`${gateway.base}/slices.html`);
  await page.locator('.row[data-kind=link] .rate').filter({ hasText: 'bit/s' }).waitFor();
  return page;
}

/** The branch of a slice or a tenant. */
const branch = (page, name) =>
  page.locator('details.branch').filter({
    has: page.locator(`:scope > summary strong`, { hasText: new RegExp(`^${name}$`) }),
  });

/** The cells of its own row, by name. */
const cells = (page, name) =>
  branch(page, name)
    .locator(':scope > summary')
    .evaluate((row) => ({
      bps: Number(row.querySelector('.bar').ariaValueNow),
      fullBps: Number(row.querySelector('.bar').ariaValueMax),
      widths: [...row.querySelectorAll('.fill i')].map((part) => parseFloat(part.style.width)),
      mark: row.querySelector('.mark').hidden ? null : row.querySelector('.mark').style.left,
      ...Object.fromEntries(
        ['name', 'rate', 'queue', 'delay', 'drops', 'policer'].map((cell) => [
          cell,
          row.querySelector(`:scope > .${cell}`).textContent.trim(),
        ]),
      ),
    }));

/** The least contrast of a text with what is behind it (WCAG 2). */
const leastContrast = (page) =>
  page.evaluate(() => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const over = (colors) => {
      for (const color of colors) {
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
      }
      return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = (rgb) => {
      const [r, g, b] = rgb.map((c) =>
        c <= 10 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4,
      );
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    let least = Infinity;
    for (const element of document.querySelectorAll('body *')) {
      const hasText = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
      if (!hasText || !element.checkVisibility()) continue;
      const grounds = [];
      for (let at = element; at; at = at.parentElement)
        grounds.unshift(getComputedStyle(at).backgroundColor);
      const ground = luminance(over(grounds));
      const ink = luminance(over([...grounds, getComputedStyle(element).color]));
      least = Math.min(least, (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05));
    }
    return least;
  });

test('the slice page draws what the gateway counts', async (t) => {
  const gateway = await Gateway.start();
  await withBrowsers(1, async (browser) => {
    await t.test('bars fill to the limit, marks show the guarantee', async () => {
      const page = await openPage(browser, gateway, THREE);
      const premium = await cells(page, 'premium');
      const sent = 14e6 + 96e3 + 9e6 + 64e3 + 2e5 + 435e3;
      assert.ok(Math.abs(premium.bps - sent) < 1000, `${premium.bps} instead of ${sent}`);
      assert.equal(premium.fullBps, 60e6);
      assert.equal(premium.mark, `${((100 * 40) / 60).toFixed(2)}%`);
      const filled = premium.widths.reduce((sum, width) => sum + width, 0);
      assert.ok(Math.abs(filled - (100 * sent) / 60e6) < 0.1, `${filled} % filled`);
      assert.match(premium.name, /32 tenants · within its guarantee/);
      assert.match(premium.rate, /^23\.8 Mbit\/s of 60 Mbit\/s,\n40 Mbit\/s guaranteed$/);
      assert.equal(premium.policer, '90 / 8 / 2 %');
      assert.equal(premium.delay, '0.2 / 1 ms');
      const standard = await cells(page, 'standard');
      assert.match(standard.name, /1 tenant · at its limit/);
      assert.match(standard.drops, /^late 37\/s$/);
      assert.equal(standard.queue, '240 · 240 kB');
      assert.equal(standard.delay, '5 / 20 ms');
      assert.match((await cells(page, 'empty')).name, /0 tenants · idle/);
      const link = page.locator('.row[data-kind=link]');
      assert.match(await link.locator('.name').textContent(), /51 Mbit\/s guaranteed to slices/);
      assert.match(await link.locator('.rate').textContent(), /of 100 Mbit\/s/);
      assert.deepEqual(page.faults, []);
      await page.close();
    });

    await t.test('the busiest tenants are shown, more on demand, one by its name', async () => {
      const page = await openPage(browser, gateway, THREE);
      const tenants = branch(page, 'premium').locator('.tenants > .branch');
      assert.equal(await tenants.count(), 8);
      assert.equal(await branch(page, 'acme').count(), 1);
      const more = page.getByRole('button', { name: 'and 24 more' });
      await more.click();
      assert.equal(await tenants.count(), 32);
      assert.ok(await more.isHidden());
      await page.fill('#find', 'avatar-2');
      assert.deepEqual(
        (await page.locator('.branch > summary .name strong').allTextContents()).sort(),
        [...['premium', 'avatar-2'], ...many(10, (i) => `avatar-2${i}`)].sort(),
      );
      await page.fill('#find', 'nobody');
      assert.ok(await page.locator('#empty').isVisible());
      await page.close();
    });

    await t.test('64 slices of 60 tenants, by keyboard', async () => {
      const page = await openPage(browser, gateway, MANY);
      assert.equal(await page.locator('#tree > .below > .branch').count(), 64);
      assert.equal(await page.locator('details[open]').count(), 0);
      await page.focus('#pause');
      for (let i = 0; i < 3; i++) await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      const third = branch(page, 'slice-2');
      assert.ok(await third.evaluate((details) => details.open));
      await third.locator('.tenants > .branch').nth(7).waitFor();
      assert.equal(await third.locator('.tenants > .branch').count(), 8);
      await page.keyboard.press('Tab');
      await page.keyboard.press('Space');
      await third.locator('.tenants .classes > .row').nth(1).waitFor();
      assert.equal(await third.locator('.tenants .classes > .row').count(), 2);
      // What is open and what has the focus stay so when figures change.
      const focused = () => page.evaluate(() => document.activeElement.textContent.slice(0, 40));
      const before = await focused();
      await page.waitForResponse('**/slices');
      await page.waitForResponse('**/slices');
      assert.equal(await focused(), before);
      assert.equal(await third.locator('.tenants .classes > .row').count(), 2);
      assert.deepEqual(page.faults, []);
      await page.close();
    });

    await t.test('readable in light and dark, and on a phone', async (t) => {
      for (const colorScheme of ['light', 'dark']) {
        for (const width of [1400, 400]) {
          const viewport = { width, height: 900 };
          const page = await openPage(browser, gateway, THREE, { colorScheme, viewport });
          const contrast = await leastContrast(page);
          assert.ok(contrast >= 4.5, `${colorScheme}: contrast of ${contrast.toFixed(2)}`);
          const overflow = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          assert.equal(overflow, 0, `${colorScheme}, ${width}: wider than the window`);
          const file = join(screenshots, `${colorScheme}-${width}.png`);
          await page.screenshot({ path: file, fullPage: true });
          assert.ok(statSync(file).size > 20_000);
          t.diagnostic(`screenshot=${file}`);
          await page.close();
        }
      }
    });

    await t.test('a node that is away, and back; a page that is paused', async () => {
      const page = await openPage(browser, gateway, THREE);
      const state = (value) => page.locator(`#state[data-state=${value}]`).waitFor();
      page.isAway = true;
      await state('away');
      assert.equal(await page.locator('#state').textContent(), 'the node cannot be reached');
      page.isAway = false;
      await state('ready');
      await page.click('#pause');
      await state('busy');
      await page.keyboard.press('Enter');
      await state('ready');
      assert.deepEqual(page.faults, []);
      await page.close();
    });
  }).finally(() => gateway.stop());
});

/** tenants.yaml with the tenant in a slice that may send so much. */
const inSlice = (maxBps) => ({
  slices: ['- id: gold', '  sst: 1', '  guaranteed_bps: 2000000', `  max_bps: ${maxBps}`],
  policy: ['slice: gold', 'bandwidth:', '  egress_bps: 5000000'],
});

test('the slice page shows what a publisher and a viewer do', async (t) => {
  const gateway = await Gateway.start('127.0.0.1', inSlice(20e6));
  await withBrowsers(1, async (browser) => {
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    const faults = [];
    page.on('pageerror', (error) => faults.push(error.message));
    await page.goto(gateway.base);
    await page.getByRole('link', { name: 'Slices' }).click();
    const slice = branch(page, 'gold').locator(':scope > summary');
    await slice.waitFor();
    const stream = { stream: 'live', token: gateway.token() };
    await call(await openTestPage(browser, gateway.base), 'publish', stream);
    await call(await openTestPage(browser, gateway.base), 'play', stream);
    await page.bringToFront();

    await t.test('the bars of slice and tenant fill', async (t) => {
      const gold = await eventually(10_000, async () => {
        const now = await cells(page, 'gold');
        return now.bps > 300_000 && now.delay ? now : null;
      });
      assert.ok(gold, JSON.stringify(await cells(page, 'gold')));
      assert.equal(gold.fullBps, 20e6);
      assert.equal(gold.mark, '10%');
      const demo = await cells(page, 'demo');
      assert.ok(demo.bps > 300_000, `${demo.bps} bit/s`);
      assert.equal(demo.fullBps, 5e6);
      assert.match(demo.policer, /^100 \/ 0 \/ 0 %$/);
      t.diagnostic(`slice ${gold.rate.replace('\n', ' ')}, delay ${gold.delay}`);
    });

    await t.test('tenant and slice open onto their classes', async () => {
      await branch(page, 'demo').locator(':scope > summary').click();
      for (const name of ['voice', 'video'])
        await branch(page, 'demo')
          .locator('.classes')
          .getByText(name, { exact: false })
          .first()
          .waitFor();
    });

    await t.test('another tenants.yaml changes where the bar is full', async () => {
      gateway.change(inSlice(8e6));
      const changed = async () => (await cells(page, 'gold')).fullBps === 8e6;
      assert.ok(await eventually(10_000, changed), gateway.log());
      assert.equal((await cells(page, 'gold')).mark, '25%');
      assert.ok((await cells(page, 'gold')).bps > 300_000);
      assert.deepEqual(faults, []);
      await page.screenshot({ path: join(screenshots, 'live.png'), fullPage: true });
    });
  }).finally(() => gateway.stop());
});
