// The console as a person uses it: open the address that quickstart prints, publish, play, look.

import assert from 'node:assert/strict';
import { mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { withBrowsers } from './browser.mjs';
import { Gateway } from './gateway.mjs';
import { eventually } from './sampling.mjs';

const screenshots = mkdtempSync(join(tmpdir(), 'nn5g-console-'));

/** How many of the panel's graphs have a line, not only a grid: pixels of full opacity. */
const graphsDrawn = (panel) =>
  panel.locator('canvas').evaluateAll(
    (all) =>
      all.filter((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let opaque = 0;
        for (let i = 3; i < data.length; i += 4) if (data[i] > 200) opaque += 1;
        return opaque > 20 && /: .*highest/.test(canvas.ariaLabel ?? '');
      }).length,
  );

const framesShown = (panel) =>
  panel.locator('video').evaluate((video) => video.getVideoPlaybackQuality().totalVideoFrames);

test('the console publishes, plays and shows what happens', async (t) => {
  const gateway = await Gateway.start();
  await withBrowsers(1, async (browser) => {
    const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
    const faults = [];
    page.on('pageerror', (error) => faults.push(error.message));
    const channels = []; // event channels, the gateway's and ours to speak on
    await page.routeWebSocket(/\/events$/, (channel) => {
      channel.connectToServer();
      channels.push(channel);
    });
    const token = gateway.token();
    await page.goto(`${gateway.base}/#tenant=demo&stream=live&token=${token}`);
    const publisher = page.locator('#publish-panels .panel');
    const player = page.locator('#play-panels .panel').first();

    await t.test('the fragment fills the fields and the token leaves the address', async () => {
      assert.equal(await page.inputValue('#tenant'), 'demo');
      assert.equal(await page.inputValue('#stream'), 'live');
      assert.equal(await page.inputValue('#token'), token);
      assert.ok(!page.url().includes('token='), page.url());
    });

    await t.test('publish, then play: the picture moves', async () => {
      await page.selectOption('select[name=size]', '640x360');
      await page.click('#publish-start');
      await publisher.locator('.state[data-state=connected]').waitFor({ timeout: 10_000 });
      await page.click('#play-add');
      await player.locator('.state[data-state=connected]').waitFor({ timeout: 10_000 });
      const before = await framesShown(player);
      assert.ok(await eventually(10_000, async () => (await framesShown(player)) > before + 20));
    });

    await t.test('graphs of both are drawn', async (t) => {
      for (const panel of [publisher, player]) {
        assert.ok(await eventually(10_000, async () => (await graphsDrawn(panel)) === 5));
      }
      const file = join(screenshots, 'console.png');
      await page.screenshot({ path: file, fullPage: true });
      assert.ok(statSync(file).size > 20_000);
      t.diagnostic(`screenshot=${file}`);
    });

    await t.test('what a limit stops is a banner, the minutes used a figure', async () => {
      const banner = player.locator('.limits');
      assert.ok(await banner.isHidden());
      const facts = player.locator('.facts');
      assert.ok(
        await eventually(5000, async () => /Video minutes0:\d\d/.test(await facts.textContent())),
      );
      channels.at(-1).send(
        JSON.stringify({
          type: 'limit.downgraded',
          kind: 'video',
          account: 'video',
          reason: 'the video minutes are used up',
        }),
      );
      await banner.waitFor({ timeout: 5000 });
      assert.equal(await banner.textContent(), 'Picture is off: the video minutes are used up.');
      channels.at(-1).send(JSON.stringify({ type: 'limit.upgraded', kind: 'video' }));
      await banner.waitFor({ state: 'hidden', timeout: 5000 });
    });

    await t.test('the node tells version and metrics', async () => {
      assert.match(await page.locator('#node-state').textContent(), /^ready/);
      assert.ok(
        await eventually(5000, async () => (await page.locator('#node-rows tr').count()) > 3),
      );
    });

    await t.test('a wrong token shows the gate', async () => {
      await page.fill('#token', 'not.a.token');
      await page.click('#play-add');
      const problem = page.locator('#play-panels .panel').nth(1).locator('.problem');
      await problem.waitFor({ timeout: 5000 });
      assert.match(await problem.textContent(), /status 401 · gate 4/);
    });

    await t.test('stop ends both', async () => {
      await player.locator('.stop').click();
      await player.locator('.state[data-state=ended]').waitFor({ timeout: 5000 });
      await publisher.locator('.stop').click();
      await publisher.locator('.state[data-state=ended]').waitFor({ timeout: 5000 });
      assert.ok(await page.locator('#publish-start').isEnabled());
      assert.deepEqual(faults, []);
    });
  }).finally(() => gateway.stop());
});
