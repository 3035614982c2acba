/**
 * Plots of figures, as SVG in a light and a dark version: bars, and lines over a quantity. The same figures give the same
 * bytes on every machine, so that a test can hold a committed plot to its JSON. The files belong into docs/plots:
 * those of docs/pictures are recorded.
 */
import { writeFileSync } from 'node:fs';
import * as vega from 'vega';
import { compile } from 'vega-lite';

// a text is as wide as estimated, whether or not a canvas is installed
vega.textMetrics.canvas(false);

const themes = {
  light: {
    text: '#1f2328',
    quiet: '#59636e',
    grid: '#d1d9e0',
    // first our own, then peers in the order of Okabe and Ito, whom the colour-blind can tell apart
    series: ['#0969da', '#bc4c00', '#1a7f37', '#8250df', '#bf3989', '#9a6700', '#59636e'],
    ours: '#0969da',
    floor: '#59636e',
    peer: '#afb8c1',
  },
  dark: {
    text: '#f0f6fc',
    quiet: '#9198a1',
    grid: '#3d444d',
    series: ['#4493f8', '#f0883e', '#3fb950', '#ab7df8', '#f778ba', '#d29922', '#9198a1'],
    ours: '#4493f8',
    floor: '#9198a1',
    peer: '#656c76',
  },
};

const font = 'system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif';

function configOf(theme) {
  const words = { labelColor: theme.quiet, titleColor: theme.text, labelFontSize: 12 };
  return {
    background: null,
    font,
    view: { stroke: null },
    title: {
      color: theme.text,
      subtitleColor: theme.quiet,
      anchor: 'start',
      fontSize: 15,
      subtitleFontSize: 12,
      subtitlePadding: 4,
      offset: 12,
    },
    axis: {
      ...words,
      titleFontSize: 12,
      titleFontWeight: 'normal',
      gridColor: theme.grid,
      domain: false,
      tickColor: theme.grid,
    },
    legend: { ...words, title: null, symbolSize: 80 },
  };
}

/**
 * @typedef {object} Bar
 * @property {string} name
 * @property {number} value
 * @property {number} [low] - where half of the measurements begin
 * @property {number} [high] - where that half ends
 * @property {'ours' | 'floor' | 'peer'} kind
 */

/**
 * Horizontal bars, one a row in the order given, each with its value written at its end.
 *
 * @param {object} chart
 * @param {string} chart.title
 * @param {string} [chart.subtitle]
 * @param {string} chart.axis - what is measured, with its unit
 * @param {readonly Bar[]} chart.bars
 * @param {number} [chart.goal] - a line across the bars
 * @param {'linear' | 'log'} [chart.scale] - `log` takes no 0
 * @param {(value: number) => string} [chart.format] - a value as it is written at the bar's end
 * @returns {Promise<{ light: string, dark: string }>} SVG
 */
export async function bars({
  title,
  subtitle,
  axis,
  bars,
  goal,
  scale = 'linear',
  format = short,
}) {
  const largest = Math.max(...bars.map(({ value, high = value }) => Math.max(value, high)));
  const smallest = Math.min(...bars.map(({ value, low = value }) => Math.min(value, low)));
  const start = scale === 'log' ? 10 ** Math.floor(Math.log10(smallest)) : 0;
  // room for the text at the end of the longest bar
  const end = scale === 'log' ? largest * (largest / start) ** 0.15 : largest * 1.15;
  const x = {
    field: 'value',
    type: 'quantitative',
    title: axis,
    scale: { type: scale, domain: [start, Math.max(end, goal ?? 0)], nice: false },
    axis: axisOf(scale, [start, end]),
  };
  const y = {
    field: 'name',
    type: 'nominal',
    sort: null,
    title: null,
    axis: { ticks: false, labelLimit: 320, labelPadding: 8 },
  };
  const behind = (at) => (goal !== undefined && at < goal && goal - at < 0.12 * end ? goal : at);
  const values = bars.map((bar) => ({
    ...bar,
    end: behind(Math.max(bar.value, bar.high ?? 0)),
    text: format(bar.value),
  }));
  return rendered((theme) => ({
    title: subtitle === undefined ? title : { text: title, subtitle },
    width: 520,
    height: { step: 26 },
    data: { values },
    encoding: { y },
    layer: [
      {
        mark: { type: 'bar', height: { band: 0.7 }, cornerRadiusEnd: 2 },
        encoding: {
          x,
          ...(scale === 'log' ? { x2: { datum: start } } : {}),
          color: {
            field: 'kind',
            type: 'nominal',
            legend: null,
            scale: {
              domain: ['ours', 'floor', 'peer'],
              range: [theme.ours, theme.floor, theme.peer],
            },
          },
        },
      },
      {
        transform: [{ filter: 'isValid(datum.low)' }],
        mark: { type: 'rule', color: theme.text, opacity: 0.7, strokeWidth: 1.5 },
        encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' } },
      },
      {
        mark: { type: 'text', align: 'left', dx: 6, fontSize: 12, color: theme.text },
        encoding: { x: { ...x, field: 'end' }, text: { field: 'text' } },
      },
      ...(goal === undefined
        ? []
        : [
            {
              data: { values: [{}] },
              mark: { type: 'rule', color: theme.text, strokeDash: [4, 3] },
              encoding: { x: { datum: goal }, y: null },
            },
            {
              data: { values: [{}] },
              mark: {
                type: 'text',
                align: 'left',
                dx: 4,
                y: -6,
                fontSize: 11,
                fontWeight: 'normal',
                color: theme.quiet,
              },
              encoding: { x: { datum: goal }, y: null, text: { value: `goal ${goal}` } },
            },
          ]),
    ],
  }));
}

/**
 * Lines over a quantity, with a legend in the order of the series.
 *
 * @param {object} chart
 * @param {string} chart.title
 * @param {string} [chart.subtitle]
 * @param {{ title: string, scale?: 'linear' | 'log' }} chart.x - `log` takes no 0
 * @param {{ title: string, scale?: 'linear' | 'log' }} chart.y
 * @param {readonly { name: string, points: readonly (readonly [x: number, y: number])[] }[]} chart.series - up to seven
 * @param {boolean} [chart.steps] - whether a value holds until the next one. Default: straight lines between them
 * @param {boolean} [chart.dots] - whether each point has a dot. Default: true
 * @returns {Promise<{ light: string, dark: string }>} SVG
 */
export async function lines({ title, subtitle, x, y, series, steps = false, dots = true }) {
  const names = series.map(({ name }) => name);
  const values = series.flatMap(({ name, points }) => points.map(([x, y]) => ({ name, x, y })));
  const axis = ({ title, scale = 'linear' }, field) => ({
    field,
    type: 'quantitative',
    title,
    scale: scale === 'log' ? { type: 'log', nice: true } : { zero: true, nice: true },
    axis: axisOf(
      scale,
      values.map((point) => point[field]),
    ),
  });
  return rendered((theme) => ({
    title: subtitle === undefined ? title : { text: title, subtitle },
    width: 600,
    height: 320,
    data: { values },
    mark: {
      type: 'line',
      strokeWidth: 2,
      interpolate: steps ? 'step-after' : 'linear',
      point: dots ? { size: 36 } : false,
    },
    encoding: {
      x: axis(x, 'x'),
      y: axis(y, 'y'),
      color: {
        field: 'name',
        type: 'nominal',
        sort: null,
        scale: { domain: names, range: theme.series },
        legend:
          names.length > 1
            ? {
                orient: 'bottom',
                columns: 3,
                labelLimit: 320,
                symbolType: 'stroke',
                symbolStrokeWidth: 3,
              }
            : null,
      },
    },
  }));
}

/** Thousands as `k`; a log axis has a line and a text at each power of ten. */
function axisOf(scale, numbers) {
  const labelExpr = "format(datum.value, abs(datum.value) < 1 ? '~f' : '~s')";
  if (scale === 'linear') return { labelExpr, tickCount: 6 };
  const from = Math.floor(Math.log10(Math.min(...numbers)));
  const to = Math.ceil(Math.log10(Math.max(...numbers)));
  const values = Array.from({ length: to - from + 1 }, (_, index) => Number(`1e${from + index}`));
  return { labelExpr, values };
}

/** Three digits, and no more than two behind the point. */
function short(value) {
  const digits = Math.max(0, Math.min(2, 2 - Math.floor(Math.log10(Math.abs(value) || 1))));
  return value.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

async function rendered(specOf) {
  const plots = {};
  for (const [name, theme] of Object.entries(themes)) {
    const { spec } = compile({ ...specOf(theme), config: configOf(theme), padding: 8 });
    vega.resetSVGDefIds();
    const view = new vega.View(vega.parse(spec), { renderer: 'none' });
    plots[name] = rounded(await view.toSVG());
    view.finalize();
  }
  return plots;
}

/** Coordinates to a hundredth of a pixel: the last digits of a logarithm are the processor's. */
function rounded(svg) {
  const attributes = / (?:d|transform|[xy][12]?|width|height|viewBox)="[^"]*"/g;
  return `${svg.replace(attributes, (attribute) =>
    attribute.replace(/-?\d+\.\d+(?:e-?\d+)?/g, (number) =>
      String(Math.round(Number(number) * 100) / 100),
    ),
  )}\n`;
}

/**
 * Writes a plot's two files beside each other.
 *
 * @param {string} path - of both, without `-light.svg` and `-dark.svg`
 * @param {{ light: string, dark: string }} plot
 */
export function writePlot(path, { light, dark }) {
  writeFileSync(`${path}-light.svg`, light);
  writeFileSync(`${path}-dark.svg`, dark);
}

/**
 * Markdown that shows a plot in the version that fits the reader's page.
 *
 * @param {string} path - as `writePlot` takes it, relative to the page
 * @param {string} alternative - what the plot shows, for those who do not see it
 */
export function picture(path, alternative) {
  const dark = `<source media="(prefers-color-scheme: dark)" srcset="${path}-dark.svg">`;
  const escapes = { '&': '&amp;', '<': '&lt;', '"': '&quot;' };
  const alt = alternative.replace(/[&<"]/g, (each) => escapes[each]);
  return `<picture>${dark}<img alt="${alt}" src="${path}-light.svg"></picture>`;
}
