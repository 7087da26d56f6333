/* Copyright (c) 2026, dockernet.baseline contributors
   GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
   SPDX-License-Identifier: GPL-3.0-or-later

   The script of the page of a fleet. fleet_page.py has what the data is. All that comes from hosts can be a stranger's:
   it becomes text (text nodes, attributes) and nothing else. There is no innerHTML here. */
'use strict';
(() => {

// ---- text and elements ---------------------------------------------------------------------------------------------

// Control, format (bidirectional overrides, zero-width), surrogates, private use, unassigned, line and paragraph breaks.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;
const SVG = 'http://www.w3.org/2000/svg';
const LONG = 600;
const PAGE = 100;
// Of checks in the list of hosts, unless more are asked for: the page has a cell for each on each of its rows.
const COLUMNS = 40;

function escaped(char) {
  const code = char.codePointAt(0);
  if (code <= 0xff) return '\\x' + code.toString(16).padStart(2, '0');
  return code <= 0xffff ? '\\u' + code.toString(16).padStart(4, '0') : '\\U' + code.toString(16).padStart(8, '0');
}

const visible = (text) => String(text).replace(HIDDEN, escaped);

function cut(text, most) {
  const shown = visible(text);
  return shown.length <= most ? shown : shown.slice(0, most - 1) + '\u2026';
}

function append(parent, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : document.createTextNode(visible(child)));
  }
  return parent;
}

function filled(element, props, children) {
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : visible(value));
  }
  return append(element, children);
}

const h = (tag, props, ...children) => filled(document.createElement(tag), props, children);
const s = (tag, props, ...children) => filled(document.createElementNS(SVG, tag), props, children);

/** A text that may be very long: cut, with a button that shows all of it. */
function long(text, most = LONG) {
  const whole = visible(text);
  if (whole.length <= most) return document.createTextNode(whole);
  const shown = h('span', {}, whole.slice(0, most) + '\u2026 ');
  const more = h('button', { type: 'button', class: 'more', onclick: () => shown.replaceWith(h('span', {}, whole)) },
    `Show all ${number(whole.length)} characters`);
  shown.append(more);
  return shown;
}

/** A table that may be wider than the page: it can be scrolled by keys. */
const scrolled = (table) => h('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'table' }, table);

/** A control with its label. */
const field = (label, control, kind = '') =>
  h('div', { class: `field ${kind}` }, h('label', { for: control.id }, label), control);

const number = (value) => value.toLocaleString('en');
const counted = (value, word) => `${number(value)} ${word}${value === 1 ? '' : 's'}`;
const day = (time) => String(time).slice(0, 10);
const minute = (time) => String(time).replace('T', ' ').replace(/^(.{16}).*$/, '$1 UTC');

// ---- data ----------------------------------------------------------------------------------------------------------

async function unpacked(element) {
  const binary = atob(element.textContent);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return (await new Response(stream).text()).split('\n').filter((line) => line);
}

const parsed = new Promise((done) => {
  if (document.readyState !== 'loading') done();
  else document.addEventListener('DOMContentLoaded', () => done());
});

let texts = null;
const blocks = new Map();

/** All that is known of a host. The page may still be read when the first one is opened. */
async function detailsOf(host) {
  let elements = document.getElementsByClassName('details');
  // The one that is last may not be whole yet.
  if (elements.length <= host.block + 1 || !texts) await parsed;
  texts ??= JSON.parse((await unpacked(document.getElementById('strings')))[0]);
  elements = document.getElementsByClassName('details');
  if (!blocks.has(host.block)) {
    if (blocks.size > 3) blocks.clear();
    blocks.set(host.block, await unpacked(elements[host.block]));
  }
  return JSON.parse(blocks.get(host.block)[host.line]);
}

/** Texts in the place of numbers of those that hosts share. */
const told = (value) => typeof value === 'number' ? texts[value] : Array.isArray(value) ? value.map(told) : value;

const LETTERS = { high: 'H', medium: 'M', low: 'L', info: 'i', unknown: '?', waived: 'W', well: '\u2713',
  failed: '\u2715', unreachable: '\u2298', 'without docker': '\u2013', pass: '\u2713', not_applicable: '\u2013' };
const KINDS = { h: 'high', m: 'medium', l: 'low', u: 'unknown', i: 'info', w: 'waived', p: 'pass', n: 'not_applicable' };
const WORDS = { not_applicable: 'not applicable', failed: 'audit failed' };
const NONE = { unreachable: 'not audited', failed: 'not audited', 'without docker': 'not applicable' };
const word = (kind) => WORDS[kind] || kind;
const css = (kind) => kind.replace(' ', '-').replace('_', '-');
const badge = (kind) => h('span', { class: `badge ${css(kind)}` },
  h('span', { class: 'mark', 'aria-hidden': 'true' }, LETTERS[kind] || '?'), word(kind));

let fleet = null;
/** Kinds of findings that are counted, worst first; those that are not waived. */
let countedKinds = [];
let openKinds = [];
let hosts = [];
const byName = new Map();
const wellFormed = (text) => text.replace(/\p{Cs}/gu, '\ufffd');

async function load() {
  const [[overview], index] = await Promise.all(
    ['overview', 'index'].map((id) => unpacked(document.getElementById(id))));
  fleet = JSON.parse(overview);
  countedKinds = fleet.kinds;
  openKinds = countedKinds.filter((kind) => kind !== 'waived');
  // In the first run all is new, which says nothing.
  const isFirst = fleet.trend.length < 2;
  hosts = index.map((line) => {
    const [name, state, ...values] = JSON.parse(line);
    const counts = Object.fromEntries(countedKinds.map((kind) => [kind, values.shift()]));
    const [fresh, regressed, fixed, closed, label, codes, block, at] = values;
    return { name, state: fleet.states[state], rank: state, counts,
      fresh: isFirst ? 0 : fresh, regressed, fixed, closed: Boolean(closed), label, codes: isFirst ? codes.toLowerCase() : codes, block, line: at, folded: name.toLowerCase() };
  });
  const weight = (host) => countedKinds.map((kind) => host.counts[kind]);
  for (const host of hosts) host.weight = weight(host);
  hosts.sort((a, b) => {
    if (a.rank !== b.rank) return a.rank - b.rank;
    for (let at = 0; at < a.weight.length; at += 1) if (a.weight[at] !== b.weight[at]) return b.weight[at] - a.weight[at];
    return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
  });
  for (const host of hosts) byName.set(wellFormed(host.name), host);
  countChecks();
}

/** For each check, on how many hosts it ended in which way; those that are open anywhere come first, worst first. */
function countChecks() {
  fleet.columns = fleet.checks.map(([id, title], at) => ({ id, title, at, counts: {}, changed: 0 }));
  for (const host of hosts) {
    for (let at = 0; at < host.codes.length; at += 1) {
      const code = host.codes[at];
      if (code === '-') continue;
      const lower = code.toLowerCase();
      const kind = KINDS[lower];
      const column = fleet.columns[at];
      column.counts[kind] = (column.counts[kind] || 0) + 1;
      if (code !== lower) column.changed += 1;
    }
  }
  const of = (column, kind) => column.counts[kind] || 0;
  fleet.open = fleet.columns.filter((column) => countedKinds.some((kind) => of(column, kind)));
  fleet.open.sort((a, b) => {
    for (const kind of countedKinds) if (of(a, kind) !== of(b, kind)) return of(b, kind) - of(a, kind);
    return a.id < b.id ? -1 : 1;
  });
}

const codeOf = (host, column) => {
  const code = host.codes[column.at] || '-';
  return { kind: KINDS[code.toLowerCase()] || '', changed: code !== code.toLowerCase() };
};

// ---- where the reader is -------------------------------------------------------------------------------------------

const app = document.getElementById('app');
let filter = { q: '', state: '', severity: '', check: '', change: '', page: 0 };
let shownHosts = [];
let fleetScroll = 0;
let fleetView = null;

function place() {
  const params = new URLSearchParams(location.hash.slice(1).replace(/\+/g, '%2B'));
  return Object.fromEntries(params);
}

function hashOf(values) {
  const parts = Object.entries(values).filter(([, value]) => value !== '' && value !== 0)
    .map(([name, value]) => `${name}=${encodeURIComponent(wellFormed(String(value)))}`);
  return '#' + parts.join('&');
}

const hostHash = (name, check = '') => hashOf({ host: name, check });
const filterHash = () => hashOf({ ...filter, page: filter.page ? filter.page + 1 : 0 });

function openHost(host, check = '') { location.hash = hostHash(host.name, check); }
function openFleet() { location.hash = filterHash() === '#' ? '#all' : filterHash(); }

async function show() {
  const at = place();
  if ('main' in at && location.hash === '#main') { document.getElementById('main')?.focus(); return; }
  if (at.host !== undefined) await showHost(at.host, at.check || '');
  else showFleet(at);
}

function showFleet(at) {
  filter = { q: at.q || '', state: at.state || '', severity: at.severity || '', check: at.check || '',
    change: at.change || '', page: Math.max(0, (Number(at.page) || 1) - 1) };
  document.title = visible(fleet.title);
  const from = app.dataset.view;
  app.dataset.view = 'fleet';
  fleetView ??= makeFleetView();
  app.replaceChildren(fleetView.element);
  fleetView.update();
  if (from === 'host') {
    scrollTo(0, fleetScroll);
    fleetView.focus(app.dataset.host);
  }
}

// ---- the fleet -----------------------------------------------------------------------------------------------------

function makeFleetView() {
  const run = fleet.run;
  const list = makeHostList();
  const element = h('div', { class: 'fleet' },
    h('header', { class: 'top' },
      h('h1', {}, cut(fleet.title, 200)),
      h('p', { class: 'dim' }, `${counted(run.hosts, 'host')}, ${minute(run.at)}, run ${cut(run.id, 80)}`)),
    h('main', { id: 'main', tabindex: '-1' },
      fleet.problems.length > 0 && problems(),
      totals(),
      h('div', { class: 'columns' }, checksTable(), trend()),
      list.element,
      fleet.vanished.length > 0 && vanished()),
    h('footer', { class: 'dim' }, 'Made by dockernet.baseline. This page holds all of its data and asks no network. ',
      h('span', { class: 'keys' }, 'Keys: ', h('kbd', {}, '/'), ' search, ', h('kbd', {}, '\u2191 \u2193'), ' and ',
        h('kbd', {}, 'Enter'), ' in lists, ', h('kbd', {}, 'Esc'), ' back.')));
  return { element, update: list.update, focus: list.focus };
}

function problems() {
  return h('section', { class: 'notice', 'aria-labelledby': 'problems' },
    h('h2', { id: 'problems' }, `Not in this report: ${counted(fleet.problems.length, 'document')}`),
    h('ul', {}, fleet.problems.slice(0, 20).map((text) => h('li', {}, long(text, 300)))),
    fleet.problems.length > 20 && h('p', {}, `and ${number(fleet.problems.length - 20)} more`));
}

const isOld = () => fleet.trend.length > 1;

function totals() {
  const run = fleet.run;
  const states = fleet.states.filter((state) => run.states[state]);
  const all = states.reduce((sum, state) => sum + run.states[state], 0) || 1;
  const bar = s('svg', { class: 'bar', viewBox: '0 0 1000 12', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  let x = 0;
  for (const state of states) {
    const width = Math.max(2, (run.states[state] / all) * 1000);
    bar.append(s('rect', { x, y: 0, width, height: 12, class: `fill ${css(state)}` }));
    x += width;
  }
  const tile = (state) => h('button', { type: 'button', class: `tile ${css(state)}`, 'data-state': state,
    'aria-pressed': 'false', onclick: () => toggle('state', state) },
    h('strong', {}, number(run.states[state])), badge(state));
  const open = openKinds.map((kind) => run.findings[kind] ? `${number(run.findings[kind])} ${kind}` : '').filter(Boolean);
  const waived = run.findings.waived ? `; ${number(run.findings.waived)} waived` : '';
  const failed = ['high', 'medium', 'low', 'info'].reduce((sum, kind) => sum + (run.findings[kind] || 0), 0);
  const unchanged = failed - run.new - run.regressed;
  const change = (value, name, text) => h('li', {}, h('button', { type: 'button', class: 'change', 'data-change': name,
    'aria-pressed': 'false', onclick: () => toggle('change', name) }, h('strong', {}, number(value)), ' ', text));
  return h('section', { class: 'totals', 'aria-labelledby': 'totals' },
    h('h2', { id: 'totals' }, 'Hosts by their worst finding'), bar,
    h('div', { class: 'tiles', role: 'group', 'aria-label': 'Hosts by state; a button filters the list' },
      states.map(tile)),
    h('p', {}, h('strong', {}, run.closed ? `Gate closed on ${counted(run.closed, 'host')}. ` : 'Gate open on all hosts. '),
      open.length ? `Open findings: ${open.join(', ')}${waived}.` : `No open finding${waived}.`),
    isOld() && h('div', { class: 'since' }, h('span', {}, 'Since the run before:'),
      h('ul', {}, change(run.new, 'new', 'new'), change(run.regressed, 'regressed', 'regressed'),
        change(run.fixed, 'fixed', 'fixed'), h('li', {}, h('strong', {}, number(Math.max(0, unchanged))), ' unchanged'))));
}

function checksTable() {
  const most = 8;
  const of = (column, kind) => column.counts[kind] || 0;
  const affected = (column) => openKinds.reduce((sum, kind) => sum + of(column, kind), 0);
  const largest = Math.max(1, ...fleet.open.map(affected));
  const row = (column) => {
    const kind = countedKinds.find((name) => of(column, name));
    const parts = countedKinds.filter((name) => of(column, name)).map((name) => `${number(of(column, name))} ${name}`);
    const bar = s('svg', { class: 'bar', viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
    let x = 0;
    for (const name of openKinds) {
      const width = (of(column, name) / largest) * 100;
      if (width) bar.append(s('rect', { x, y: 0, width, height: 8, class: `fill ${css(name)}` }));
      x += width;
    }
    return h('tr', {},
      h('th', { scope: 'row' }, h('button', { type: 'button', class: 'link', onclick: () => toggle('check', column.id) },
        h('span', { class: `mark ${kind}`, 'aria-hidden': 'true' }, LETTERS[kind]), h('code', {}, column.id)),
        h('span', { class: 'dim title' }, cut(column.title, 200))),
      h('td', {}, bar, h('span', { class: 'counts' }, parts.join(', '),
        column.changed > 0 && h('span', { class: 'fresh' }, ` (${number(column.changed)} new or regressed)`))));
  };
  const body = h('tbody', {}, fleet.open.slice(0, most).map(row));
  const more = fleet.open.length > most && h('button', { type: 'button', class: 'more', onclick: (event) => {
    append(body, fleet.open.slice(most).map(row));
    event.target.remove();
  } }, `Show all ${fleet.open.length} checks`);
  return h('section', { 'aria-labelledby': 'checks' }, h('h2', { id: 'checks' }, 'Checks by hosts'),
    fleet.open.length === 0 ? h('p', {}, 'No check failed on any host.')
      : h('table', { class: 'checks' }, h('thead', { class: 'hidden' },
        h('tr', {}, h('th', { scope: 'col' }, 'check'), h('th', { scope: 'col' }, 'hosts'))), body), more);
}

function trend() {
  if (!isOld()) return null;
  const runs = fleet.trend.slice(-60);
  const width = 520, height = 190, left = 44, bottom = 24, top = 8;
  const most = Math.max(1, ...runs.map((run) => run.hosts));
  const step = (width - left) / runs.length;
  const y = (value) => top + (height - bottom - top) * (1 - value / most);
  const svg = s('svg', { class: 'trend', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-labelledby': 'trend-title' },
    s('title', { id: 'trend-title' }, `Hosts by state in ${runs.length} runs, ${day(runs[0].at)} to ${day(runs.at(-1).at)}`));
  for (const value of [0, Math.round(most / 2), most]) {
    svg.append(s('line', { x1: left, x2: width, y1: y(value), y2: y(value), class: 'axis' }),
      s('text', { x: left - 6, y: y(value) + 4, 'text-anchor': 'end' }, number(value)));
  }
  runs.forEach((run, at) => {
    let sum = 0;
    const group = s('g', {}, s('title', {}, describeRun(run)));
    for (const state of fleet.states) {
      const value = run.states[state] || 0;
      if (!value) continue;
      group.append(s('rect', { x: left + at * step + Math.min(2, step / 8), width: Math.max(1, step - Math.min(4, step / 4)),
        y: y(sum + value), height: y(sum) - y(sum + value), class: `fill ${css(state)}` }));
      sum += value;
    }
    svg.append(group);
  });
  const label = (at, anchor, x) => s('text', { x, y: height - 6, 'text-anchor': anchor }, day(runs[at].at));
  svg.append(label(0, 'start', left), label(runs.length - 1, 'end', width));
  const used = fleet.states.filter((state) => runs.some((run) => run.states[state]));
  return h('section', { 'aria-labelledby': 'trend' }, h('h2', { id: 'trend' }, 'Trend'), svg,
    h('p', { class: 'legend' }, used.map((state) => h('span', {}, h('span', { class: `swatch ${css(state)}` }), word(state)))),
    h('details', {}, h('summary', {}, 'The trend as a table'),
      scrolled(h('table', {},
        h('thead', {}, h('tr', {}, ['run', ...used.map(word), 'gate closed', 'new', 'regressed', 'fixed']
          .map((name) => h('th', { scope: 'col' }, name)))),
        h('tbody', {}, runs.slice().reverse().map((run) => h('tr', {}, h('th', { scope: 'row' }, minute(run.at)),
          used.map((state) => h('td', {}, number(run.states[state] || 0))),
          [run.closed, run.new, run.regressed, run.fixed].map((value) => h('td', {}, number(value))))))))));
}

function describeRun(run) {
  const states = fleet.states.filter((state) => run.states[state]).map((state) => `${number(run.states[state])} ${word(state)}`);
  return `${minute(run.at)}: ${states.join(', ')}; ${number(run.new)} new, ${number(run.fixed)} fixed`;
}

function vanished() {
  return h('section', { 'aria-labelledby': 'vanished' },
    h('h2', { id: 'vanished' }, `Not in this run: ${counted(fleet.vanished.length, 'host')}`),
    h('p', { class: 'dim' }, 'An earlier run audited them.'),
    scrolled(h('table', { class: 'plain' }, h('thead', {}, h('tr', {}, ['host', 'last read', 'state then']
      .map((name) => h('th', { scope: 'col' }, name)))),
      h('tbody', {}, fleet.vanished.slice(0, 200).map(([name, seen, state]) => h('tr', {},
        h('th', { scope: 'row' }, long(name, 120)), h('td', {}, minute(seen)), h('td', {}, badge(state))))))),
    fleet.vanished.length > 200 && h('p', {}, `and ${number(fleet.vanished.length - 200)} more`));
}

function toggle(name, value) {
  filter[name] = filter[name] === value ? '' : value;
  filter.page = 0;
  history.pushState(null, '', filterHash());
  fleetView.update();
  document.getElementById('hosts').scrollIntoView({ block: 'start' });
}

function makeHostList() {
  let shownColumns = fleet.open.slice(0, COLUMNS);
  const changed = () => {
    for (const [name, control] of Object.entries(controls)) filter[name] = control.value;
    filter.page = 0;
    history.replaceState(null, '', filterHash());
    update();
  };
  const choice = (name, label, options) => {
    const select = h('select', { id: `filter-${name}`, onchange: changed }, h('option', { value: '' }, 'any'),
      options.map(([value, text]) => h('option', { value }, text)));
    return [select, field(label, select)];
  };
  const search = h('input', { id: 'filter-q', type: 'search', placeholder: 'name or engine', autocomplete: 'off',
    spellcheck: 'false', oninput: changed, onkeydown: (event) => {
      if (event.key === 'ArrowDown' || event.key === 'Enter') { event.preventDefault(); keys.enter(); }
    } });
  const [state, stateLabel] = choice('state', 'State',
    fleet.states.filter((name) => hosts.some((host) => host.state === name)).map((name) => [name, word(name)]));
  const [severity, severityLabel] = choice('severity', 'Has findings',
    countedKinds.filter((kind) => hosts.some((host) => host.counts[kind])).map((kind) => [kind, kind]));
  const [check, checkLabel] = choice('check', 'Check', fleet.open.map((column) => [column.id, column.id]));
  const [change, changeLabel] = choice('change', 'Change', [...isOld() ? [['changed', 'new or regressed'], ['new', 'new'],
    ['regressed', 'regressed'], ['fixed', 'fixed']] : [], ['closed', 'gate closed']]);
  const controls = { q: search, state, severity, check, change };
  const clear = h('button', { type: 'button', onclick: () => {
    filter = { q: '', state: '', severity: '', check: '', change: '', page: 0 };
    history.pushState(null, '', location.pathname + location.search + '#all');
    update();
    search.focus();
  } }, 'Clear');
  const count = h('p', { class: 'count', 'aria-live': 'polite', role: 'status' });
  const body = h('tbody', {});
  const checkHead = (column) => h('th', { scope: 'col', class: 'heat', title: `${column.id}: ${cut(column.title, 200)}` },
    h('span', { class: 'turned' }, column.id));
  const headings = h('tr', {}, h('th', { scope: 'col' }, 'host'), h('th', { scope: 'col' }, 'state'),
    h('th', { scope: 'col' }, 'findings'), shownColumns.map(checkHead));
  const table = h('table', { class: 'hosts', role: 'grid', 'aria-labelledby': 'hosts' }, h('thead', {}, headings), body);
  const left = fleet.open.slice(COLUMNS);
  const columns = left.length > 0 && h('p', { class: 'mapped' }, h('span', {},
    `Columns: ${COLUMNS} of ${fleet.open.length} checks that failed or are unknown on some host, worst first. `),
  h('button', { type: 'button', class: 'more', title: left.map((column) => column.id).join(', '), onclick: () => {
    shownColumns = fleet.open;
    append(headings, left.map(checkHead));
    columns.replaceChildren(`Columns: all ${fleet.open.length} checks that failed or are unknown on some host, worst first.`);
    update();
  } }, `Add the other ${left.length}`));
  const go = (page) => {
    filter.page = page;
    history.replaceState(null, '', filterHash());
    update();
    document.getElementById('hosts').scrollIntoView({ block: 'start' });
  };
  const pager = h('nav', { class: 'pager', 'aria-label': 'Pages of the list of hosts' });
  const keys = gridKeys(table, { open: (row, cell) => openHost(shownHosts[Number(row.dataset.at)], cell.dataset.check || ''),
    beyond: (step) => {
      const page = filter.page + step;
      if (page < 0 || page * PAGE >= shownHosts.length) return false;
      go(page);
      return true;
    } });
  const legend = h('p', { class: 'legend' }, ['high', 'medium', 'low', 'unknown', 'info', 'waived', 'pass'].map((kind) =>
    h('span', {}, h('span', { class: `mark ${kind}` }, kind === 'pass' ? '\u00b7' : LETTERS[kind]), word(kind))),
    isOld() && h('span', {}, h('span', { class: 'mark high' }, 'H+'), 'new or regressed'));
  const element = h('section', { class: 'list', 'aria-labelledby': 'hosts' },
    h('h2', { id: 'hosts' }, 'Hosts, worst first'),
    h('form', { role: 'search', class: 'filters', onsubmit: (event) => event.preventDefault() },
      field('Search', search, 'wide'), stateLabel, severityLabel, checkLabel, changeLabel, clear),
    count, legend, columns, h('div', { class: 'scroll grid' }, table), pager);

  function heat(host, column) {
    const { kind, changed: fresh } = codeOf(host, column);
    const text = kind ? word(kind) + (fresh ? ', new or regressed' : '') : 'not evaluated';
    const dull = !kind || kind === 'pass' || kind === 'not_applicable';
    return h('td', { role: 'gridcell', tabindex: '-1', 'data-check': column.id, class: `heat ${css(kind || 'absent')}`,
      title: `${column.id}: ${text}`, 'aria-label': `${column.id}: ${text}`,
      'data-sign': dull ? kind === 'pass' ? '\u00b7' : '' : LETTERS[kind] + (fresh ? '+' : '') });
  }

  function row(host, at) {
    const counts = countedKinds.filter((kind) => host.counts[kind]).map((kind) =>
      h('span', { class: `number ${css(kind)}`, title: `${number(host.counts[kind])} ${word(kind)}` },
        h('span', { class: 'hidden' }, `${word(kind)} `), h('span', { 'aria-hidden': 'true' }, LETTERS[kind]),
        number(host.counts[kind])));
    const changes = [['fresh', 'new'], ['regressed', 'regressed'], ['fixed', 'fixed']].filter(([key]) => host[key])
      .map(([key, text]) => `${number(host[key])} ${text}`);
    const names = shownColumns.filter((column) => ['high', 'medium'].includes(codeOf(host, column).kind))
      .map((column) => column.id);
    return h('tr', { role: 'row', 'data-at': at },
      h('th', { role: 'rowheader', scope: 'row', tabindex: '-1' },
        h('a', { href: hostHash(host.name), tabindex: '-1', title: cut(host.name, 300) }, cut(host.name, 80)),
        h('span', { class: 'dim engine' }, cut(host.label, 60))),
      h('td', { role: 'gridcell', tabindex: '-1', class: 'state' }, badge(host.state),
        host.closed && h('span', { class: 'gate' }, 'gate closed')),
      h('td', { role: 'gridcell', tabindex: '-1', class: 'findings' }, counts.length ? counts : h('span', { class: 'dim' }, NONE[host.state] || 'none'),
        changes.length > 0 && h('span', { class: 'changes' }, changes.join(', ')),
        names.length > 0 && h('span', { class: 'names' }, names.slice(0, 3).join(', ') +
          (names.length > 3 ? ` and ${names.length - 3} more` : ''))),
      shownColumns.map((column) => heat(host, column)));
  }

  function update() {
    for (const [name, control] of Object.entries(controls)) {
      if (control.value !== filter[name]) control.value = filter[name];
    }
    for (const button of document.querySelectorAll('[data-state]')) {
      button.setAttribute('aria-pressed', String(button.dataset.state === filter.state));
    }
    for (const button of document.querySelectorAll('[data-change]')) {
      button.setAttribute('aria-pressed', String(button.dataset.change === filter.change));
    }
    shownHosts = matching();
    const pages = Math.max(1, Math.ceil(shownHosts.length / PAGE));
    filter.page = Math.min(filter.page, pages - 1);
    const first = filter.page * PAGE;
    const part = shownHosts.slice(first, first + PAGE);
    body.replaceChildren(...part.map((host, at) => row(host, first + at)));
    table.setAttribute('aria-rowcount', String(shownHosts.length + 1));
    keys.reset();
    const isAll = shownHosts.length === hosts.length;
    count.textContent = isAll ? counted(hosts.length, 'host') : `${number(shownHosts.length)} of ${counted(hosts.length, 'host')}`;
    clear.disabled = isAll && !Object.values(filter).some(Boolean);
    const button = (text, page) => h('button', { type: 'button', disabled: page < 0 || page >= pages || page === filter.page,
      onclick: () => go(page) }, text);
    pager.hidden = pages === 1;
    pager.replaceChildren(button('First', 0), button('Previous', filter.page - 1),
      h('span', {}, `${number(first + 1)} to ${number(first + part.length)} of ${number(shownHosts.length)}`),
      button('Next', filter.page + 1), button('Last', pages - 1));
  }

  function focus(name) {
    const at = shownHosts.findIndex((host) => wellFormed(host.name) === name);
    const found = body.querySelector(`tr[data-at="${at}"] th`);
    if (found) keys.focus(found);
  }

  return { element, update, focus };
}

function matching() {
  const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean);
  const column = filter.check && fleet.columns.find((item) => item.id === filter.check);
  return hosts.filter((host) => {
    if (filter.state && host.state !== filter.state) return false;
    if (filter.severity && !host.counts[filter.severity]) return false;
    if (column) {
      const { kind, changed } = codeOf(host, column);
      if (!countedKinds.includes(kind)) return false;
      if (filter.severity && kind !== filter.severity) return false;
      if (filter.change === 'changed' && !changed) return false;
    }
    if (filter.change === 'new' && !host.fresh) return false;
    if (filter.change === 'regressed' && !host.regressed) return false;
    if (filter.change === 'changed' && !host.fresh && !host.regressed) return false;
    if (filter.change === 'fixed' && !host.fixed) return false;
    if (filter.change === 'closed' && !host.closed) return false;
    return words.every((text) => host.folded.includes(text) || visible(host.folded).includes(text) ||
      host.label.toLowerCase().includes(text));
  });
}

/** Arrow keys, Home, End and Enter in a table: one of its cells can be reached by Tab at a time. */
function gridKeys(table, { open, beyond = () => false }) {
  const rows = () => [...table.tBodies].flatMap((body) => [...body.rows]).filter((row) => cells(row).length);
  const cells = (row) => [...row.cells].filter((cell) => cell.hasAttribute('tabindex') && cell.offsetParent !== null);
  let current = null;
  const focus = (cell) => {
    if (!cell) return;
    if (current) current.tabIndex = -1;
    current = cell;
    cell.tabIndex = 0;
    cell.focus();
    cell.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  };
  const reset = () => {
    current = table.tBodies[0]?.querySelector('[tabindex]') || null;
    if (current) current.tabIndex = 0;
  };
  table.addEventListener('keydown', (event) => {
    const cell = event.target.closest('[tabindex]');
    const row = cell?.closest('tr');
    if (!row || event.ctrlKey || event.altKey || event.metaKey) return;
    const all = rows(), line = cells(row), at = all.indexOf(row), column = line.indexOf(cell);
    const down = (step) => {
      const next = all[at + step];
      if (next) focus(cells(next)[Math.min(column, cells(next).length - 1)]);
      else if (beyond(step)) focus(cells(rows().at(step > 0 ? 0 : -1))[column]);
    };
    const moves = { ArrowDown: () => down(1), ArrowUp: () => down(-1),
      ArrowRight: () => focus(line[column + 1]), ArrowLeft: () => focus(line[column - 1]),
      Home: () => focus(line[0]), End: () => focus(line.at(-1)),
      PageDown: () => focus(cells(all[Math.min(all.length - 1, at + 10)])[column]),
      PageUp: () => focus(cells(all[Math.max(0, at - 10)])[column]),
      Enter: () => open(row, cell), ' ': () => open(row, cell) };
    if (!moves[event.key]) return;
    event.preventDefault();
    moves[event.key]();
  });
  table.addEventListener('click', (event) => {
    const cell = event.target.closest('[tabindex]:not(a)');
    if (!cell || event.target.closest('a')) return;
    focus(cell);
    open(cell.closest('tr'), cell);
  });
  return { reset, focus, enter: () => focus(table.tBodies[0]?.querySelector('[tabindex]')) };
}

// ---- a host --------------------------------------------------------------------------------------------------------

let opening = 0;

async function showHost(name, check) {
  if (app.dataset.view === 'fleet') fleetScroll = scrollY;
  const host = byName.get(name);
  app.dataset.view = 'host';
  app.dataset.host = name;
  document.title = `${cut(name, 80)}: ${visible(fleet.title)}`;
  const mine = opening += 1;
  if (!host) {
    app.replaceChildren(h('main', { id: 'main', tabindex: '-1' }, backLink(),
      h('h1', { tabindex: '-1' }, `No host ${cut(name, 200)} in this run`)));
    app.querySelector('h1').focus();
    return;
  }
  let view;
  try {
    const found = await detailsOf(host);
    if (mine !== opening) return;
    view = hostView(host, found);
  } catch (error) {
    view = h('main', { id: 'main', tabindex: '-1' }, backLink(), h('h1', { tabindex: '-1' }, cut(name, 200)),
      h('p', { class: 'notice' }, `The data of this host could not be read from the page: ${error.message}. ` +
        'Was the file cut off?'));
  }
  app.replaceChildren(view);
  scrollTo(0, 0);
  app.querySelector('h1').focus({ preventScroll: true });
  for (const draw of drawn) draw();
  if (check) {
    const at = [...app.querySelectorAll('.finding')].find((item) => item.dataset.check === check);
    if (at) { at.open = true; at.scrollIntoView({ block: 'start' }); at.querySelector('summary').focus(); }
  }
}

const backLink = () => h('a', { class: 'back', href: filterHash() === '#' ? '#all' : filterHash() }, '\u2190 All hosts');

let drawn = [];

function hostView(host, found) {
  drawn = [];
  if (!shownHosts.length) shownHosts = matching();
  const at = shownHosts.indexOf(host);
  const neighbour = (step, text) => at >= 0 && shownHosts[at + step] &&
    h('a', { href: hostHash(shownHosts[at + step].name), title: cut(shownHosts[at + step].name, 200) }, text);
  const sections = found.error && !found.findings ? [notAudited(found)] : [
    findingsSection(found), topologySection(host, found), reachabilitySection(found), changesSection(found),
    auditSection(found), passedSection(found)];
  const listed = sections.filter(Boolean);
  const jump = (section) => h('button', { type: 'button', class: 'link', onclick: () => {
    const heading = section.querySelector('h2');
    heading.scrollIntoView({ block: 'start' });
    heading.focus({ preventScroll: true });
  } }, section.dataset.name);
  const about = found.about ? told(found.about) : [];
  return h('div', { class: 'host' },
    h('header', { class: 'top' },
      h('nav', { class: 'crumbs', 'aria-label': 'Hosts' }, backLink(), h('span', {}, neighbour(-1, 'Previous'), ' ', neighbour(1, 'Next'))),
      h('h1', { tabindex: '-1' }, long(host.name, 120)),
      h('p', { class: 'standing' }, badge(host.state),
        h('span', { class: `gate ${host.closed ? 'closed' : 'open'}` }, host.closed ? 'gate closed' : 'gate open'),
        host.closed && h('span', { class: 'closing' }, long(found.closed, 400))),
      about.length > 0 && h('dl', { class: 'about' }, about.map(([name, value]) => h('div', {}, h('dt', {}, name),
        h('dd', {}, name === 'audited' ? minute(value) : long(value, 200))))),
      listed.length > 1 && h('nav', { class: 'jumps', 'aria-label': 'Sections' }, listed.map(jump))),
    h('main', { id: 'main', tabindex: '-1' }, listed));
}

function section(name, title, ...children) {
  return h('section', { 'data-name': name, 'aria-label': title, id: `section-${css(name.toLowerCase())}` },
    h('h2', { tabindex: '-1' }, title), children);
}

function notAudited(found) {
  return section('Error', found.state === 'unreachable' ? 'The host could not be reached' : 'The host was not audited',
    h('p', { class: 'notice' }, long(found.error)),
    found.fixed && h('p', {}, 'What earlier runs found is unknown now.'));
}

function findingsSection(found) {
  const findings = found.findings.map((item) => {
    const [check, kind, severity, was, resource, summary, impact, text, module, args, cis, age, waiver, evidence, paths, legs] =
      told(item.slice(0, -1));
    return { check, kind, severity, was, resource, summary, impact, text, module, args, cis, age, waiver, evidence, paths, legs,
      command: item.at(-1) };
  });
  const groups = ['high', 'medium', 'low', 'unknown', 'info', 'waived'].map((kind) =>
    [kind, findings.filter((item) => item.kind === kind)]).filter(([, items]) => items.length);
  if (!groups.length) return section('Findings', 'Findings', h('p', {}, 'No open finding.'));
  return section('Findings', `Findings (${findings.length})`, groups.map(([kind, items]) =>
    h('div', { class: 'group' }, h('h3', {}, badge(kind), ` ${items.length}`),
      manyOf(items, 30, (item, at) => finding(item, kind === 'high' && at === 0)))));
}

/** The first ones, and a button for the others. */
function manyOf(items, most, make) {
  const holder = h('div', {}, items.slice(0, most).map(make));
  if (items.length > most) {
    holder.append(h('button', { type: 'button', class: 'more', onclick: (event) => {
      const button = event.target;
      append(holder, items.slice(most).map((item, at) => make(item, at + most)));
      button.remove();
    } }, `Show ${number(items.length - most)} more`));
  }
  return holder;
}

function finding(item, isOpen) {
  const [age, since] = item.age;
  const status = age && (isOld() ? age : 'unchanged');
  const element = h('details', { class: `finding ${css(item.kind)}`, 'data-check': item.check },
    h('summary', {}, h('span', { class: `mark ${css(item.kind)}`, 'aria-hidden': 'true' }, LETTERS[item.kind]),
      h('span', { class: 'said' }, h('span', { class: 'what' }, h('code', {}, item.check), ' ', cut(item.resource, 120),
        status && status !== 'unchanged' && h('span', { class: 'fresh' }, status)),
      h('span', { class: 'summary' }, cut(item.summary, 300)))));
  const fill = () => {
    if (element.dataset.filled) return;
    element.dataset.filled = 'yes';
    append(element, [findingBody(item, status, since)]);
  };
  element.addEventListener('toggle', () => { if (element.open) fill(); });
  addEventListener('beforeprint', fill);
  if (isOpen) { fill(); element.open = true; }
  return element;
}

function findingBody(item, status, since) {
  const line = (name, ...value) => h('div', {}, h('dt', {}, name), h('dd', {}, value));
  return h('div', { class: 'body' },
    item.summary.length > 300 && h('p', {}, long(item.summary, 1200)),
    h('dl', {},
      item.impact && line('impact', long(item.impact)),
      item.text && line('remediation', long(item.text),
        item.module && h('span', { class: 'module' }, 'Module ', h('code', {}, `dockernet.baseline.${item.module}`),
          item.args.length > 0 && [' with ', item.args.map(([name, value], at) => [at ? ', ' : '',
            h('code', {}, `${name}: `, long(typeof value === 'string' ? value : '', 200))])]),
        item.command && h('pre', { tabindex: '0' }, h('code', {}, long(item.command, 1000)))),
      status && line('open', status === 'unchanged' ? `since ${minute(since)}` : `${status}, since ${minute(since)}`),
      item.waiver.length > 0 && line('waived', `until ${item.waiver[2]} by `, long(item.waiver[1], 100), ': ', long(item.waiver[0])),
      (item.was || item.kind === 'waived') && line('severity', item.severity + (item.was ? ` (${item.was} in the catalogue)` : '')),
      item.cis && line('CIS', item.cis),
      item.evidence.length > 0 && line('evidence', h('dl', { class: 'evidence' }, item.evidence.filter(([name]) => name !== 'path' || !item.legs.length).map(([name, value]) =>
        h('div', {}, h('dt', {}, long(name, 120)), h('dd', {}, valueOf(value))))))),
    item.legs.map(([leg, hops]) => h('div', { class: 'way' }, h('p', { class: 'dim' }, leg),
      h('ol', { class: 'path' }, hops.map(([name, note, ends]) => h('li', { class: ends && 'bad' }, cut(name.replace(/^X /, '\u2715 '), 120), note && h('small', {}, cut(note, 200))))))),
    item.paths.length > 0 && h('div', { class: 'paths' },
      item.paths.slice(0, 5).map(([from, to, why, how]) => pathOf([from, 'this host'], to, how ? 'bad' : 'neutral', why, why.startsWith('the answer is lost'))),
      item.paths.length > 5 && h('p', { class: 'dim' }, `and ${item.paths.length - 5} more, in the evidence`)));
}

/** A text, a list of values, or ['', [name, value], ...]. */
function valueOf(value) {
  if (typeof value === 'string') return h('code', {}, long(value || '\u2013', 400));
  if (value.length && value[0] === '') {
    return h('dl', { class: 'evidence' }, value.slice(1).map(([name, inner]) =>
      h('div', {}, h('dt', {}, long(name, 120)), h('dd', {}, valueOf(inner)))));
  }
  if (!value.length) return h('span', { class: 'dim' }, 'none');
  return h('ul', {}, value.slice(0, 50).map((inner) => h('li', {}, valueOf(inner))),
    value.length > 50 && h('li', { class: 'dim' }, `and ${value.length - 50} more`));
}

const MARKS = { good: '\u2713', bad: '\u2715', unsure: '?', neutral: '' };

/** A packet's way: where it starts, what it passes, where it should arrive, and what becomes of it. */
function pathOf(passes, destination, how, why, isLost = false) {
  const ended = how === 'bad' && !isLost;
  return h('div', { class: 'way' }, h('ol', { class: 'path' }, passes.map((text) => h('li', {}, cut(text, 120))),
    h('li', { class: ended ? 'missed' : how }, cut(destination, 120), ended && h('span', { class: 'hidden' }, ' is not reached'))),
  why && h('p', { class: `why ${how}` }, MARKS[how] && h('span', { class: `sign ${how}`, 'aria-hidden': 'true' }, MARKS[how]), ' ', long(why, 400)));
}

function changesSection(found) {
  const fixed = found.fixed ? told(found.fixed) : [];
  const changes = found.changes ? told(found.changes) : [];
  if (!fixed.length && !changes.length) return null;
  return section('Changes', 'Changes since the run before',
    changes.length > 0 && [h('h3', {}, 'Reachability'), h('ul', { class: 'lines' }, changes.slice(0, 200).map((text) => h('li', {}, long(text, 400)))),
      changes.length > 200 && h('p', {}, `and ${changes.length - 200} more`)],
    fixed.length > 0 && [h('h3', {}, `Fixed (${fixed.length})`), scrolled(h('table', { class: 'plain' },
      h('thead', {}, h('tr', {}, ['check', 'resource', 'severity'].map((name) => h('th', { scope: 'col' }, name)))),
      h('tbody', {}, fixed.slice(0, 200).map(([check, resource, severity]) => h('tr', {}, h('th', { scope: 'row' }, h('code', {}, check)),
        h('td', {}, long(resource, 120)), h('td', {}, severity))))))]);
}

function auditSection(found) {
  const waivers = told(found.waivers), unread = told(found.unread), defects = told(found.defects);
  const left = found.not_evaluated ? told(found.not_evaluated) : [];
  if (!waivers.length && !unread.length && !defects.length && !left.length) return null;
  const table = (names, rows) => scrolled(h('table', { class: 'plain' },
    h('thead', {}, h('tr', {}, names.map((name) => h('th', { scope: 'col' }, name)))),
    h('tbody', {}, rows.slice(0, 200).map((row) => h('tr', {}, row.map((value) => h('td', {}, long(value, 300))))))));
  return section('Audit', 'The audit itself',
    waivers.length > 0 && [h('h3', {}, 'Waivers'), table(['state', 'check', 'where', 'findings', 'reason', 'owner', 'until', 'problem'], waivers)],
    unread.length > 0 && [h('h3', {}, 'Not read'), table(['source', 'why'], unread)],
    left.length > 0 && [h('h3', {}, `Not evaluated (${left.length})`), h('p', {}, left.join(', '))],
    defects.length > 0 && [h('h3', {}, 'Errors of dockernet.baseline itself, to be reported to its developers'),
      h('ul', {}, defects.map((text) => h('li', {}, long(text))))]);
}

function passedSection(found) {
  const passed = told(found.passed);
  if (!passed.length) return null;
  const details = h('details', {}, h('summary', {}, `Show ${counted(passed.length, 'finding')} that passed or do not apply`));
  details.addEventListener('toggle', () => {
    if (details.childElementCount > 1) return;
    details.append(scrolled(h('table', { class: 'plain' },
      h('thead', {}, h('tr', {}, ['outcome', 'check', 'resource', 'summary'].map((name) => h('th', { scope: 'col' }, name)))),
      h('tbody', {}, passed.map(([check, outcome, resource, summary]) => h('tr', {}, h('td', {}, badge(outcome)),
        h('th', { scope: 'row' }, h('code', {}, check)), h('td', {}, cut(resource, 120)), h('td', {}, long(summary, 300))))))));
  });
  return section('Passed', 'Passed', details);
}

// ---- topology ------------------------------------------------------------------------------------------------------

const GLYPH = 7.3, LINE = 17, BOX = 214, CROWD = 12, MOST_BOXES = 30;

/** What is drawn: lanes (a network, or the lack of one) with the containers on it. */
function lanesOf(found) {
  const [networks, containers, attachments] = told(found.facts);
  const known = new Map(containers.map(([name, state, mode, published, on]) =>
    [name, { name, stopped: state !== 'running', mode, published, on, sharers: [] }]));
  for (const item of known.values()) {
    const owner = item.mode.startsWith('container:') && known.get(item.mode.slice(10));
    if (owner) { owner.sharers.push(item.name); item.shares = true; }
  }
  const lanes = networks.map(([name, driver, bridge, subnets, gateways, internal]) =>
    ({ name, driver, bridge, subnets, gateways, internal: Boolean(internal), items: [] }));
  const lane = new Map(lanes.map((item) => [item.name, item]));
  const placed = new Set();
  const put = (to, container, port = '', address = '') => {
    placed.add(container.name);
    to.items.push({ container, port, address });
  };
  for (const [network, name, port, address, address6] of attachments) {
    const container = known.get(name);
    if (container && lane.has(network)) put(lane.get(network), container, port, address || address6);
  }
  const extra = (name, mode) => {
    const items = [...known.values()].filter((item) => !placed.has(item.name) && !item.shares && item.mode === mode);
    const at = lane.get(name) || { name, driver: name, bridge: '', subnets: [], gateways: [], items: [] };
    if (items.length && !lane.has(name)) { lanes.push(at); lane.set(name, at); }
    for (const item of items) put(at, item);
  };
  extra('host', 'host');
  extra('none', 'none');
  for (const item of known.values()) {
    if (placed.has(item.name) || item.shares) continue;
    const on = item.on.filter((name) => lane.has(name));
    for (const name of on) put(lane.get(name), item);
  }
  const rest = [...known.values()].filter((item) => !placed.has(item.name) && !item.shares);
  if (rest.length) {
    const at = { name: attachments.length ? 'on no network' : 'network not recorded', driver: '', bridge: '', subnets: [], gateways: [], items: [], apart: true };
    lanes.push(at);
    for (const item of rest) put(at, item);
  }
  const shown = lanes.filter((item) => item.items.length || !['host', 'null', 'none'].includes(item.driver));
  // Networks with containers, those without, and what is on none.
  const order = (item) => item.apart || item.name === 'none' ? 3 : !item.items.length ? 2 : item.name === 'host' ? 1 : 0;
  return { lanes: shown.sort((a, b) => order(a) - order(b)) };
}

/** Boxes of a lane: containers, or many that are alike in one. */
function boxesOf(lane, each) {
  const single = ({ container, port, address }) => {
    const others = container.on.filter((name) => name !== lane.name);
    const published = container.published.map((text) => text.replace('->', ' \u2192 '));
    const lines = [[address, port].filter(Boolean).join(' \u00b7 ')];
    lines.push(...published.slice(0, 3).map((text) => `\u21e5 ${text}`));
    if (published.length > 3) lines.push(`and ${published.length - 3} more ports`);
    if (others.length) lines.push(`also on ${others.join(', ')}`);
    if (container.sharers.length) lines.push(`shared by ${container.sharers.join(', ')}`);
    if (container.stopped) lines.push('stopped');
    return { name: container.name, lines: lines.filter(Boolean), stopped: container.stopped, open: published.length > 0 };
  };
  if (each || lane.items.length <= CROWD) return lane.items.map(single);
  const groups = new Map();
  for (const item of lane.items) {
    const stem = item.container.name.replace(/[-_.]?(\d+|[0-9a-f]{6,})$/, '') || item.container.name;
    const key = JSON.stringify([stem, item.container.published.length > 0, item.container.stopped, item.container.on.length]);
    groups.set(key, [...(groups.get(key) || []), item]);
  }
  const boxes = [];
  for (const [key, items] of groups) {
    if (items.length < 3) { boxes.push(...items.map(single)); continue; }
    const [stem, , stopped] = JSON.parse(key);
    const names = items.map((item) => item.container.name), addresses = items.map((item) => item.address).filter(Boolean);
    const ports = items.reduce((sum, item) => sum + item.container.published.length, 0);
    boxes.push({ name: `${stem} \u00d7 ${items.length}`, many: true, stopped, open: ports > 0,
      lines: [`${names[0]} \u2026 ${names.at(-1)}`, addresses.length && `${addresses[0]} \u2026`,
        ports && `\u21e5 ${counted(ports, 'published port')}`, stopped && 'stopped'].filter(Boolean), title: names.join(', ') });
  }
  if (boxes.length > MOST_BOXES) {
    const left = boxes.splice(MOST_BOXES - 1);
    boxes.push({ name: `and ${left.length} more`, lines: left.slice(0, 2).map((box) => box.name), many: true, title: left.map((box) => box.name).join(', ') });
  }
  return boxes;
}

const fitted = (text, width) => cut(text, Math.max(4, Math.floor((width - 20) / GLYPH)));

function box(x, y, width, height, kind, name, lines, title) {
  return s('g', { class: `box ${kind}` }, s('title', {}, cut(title || [name, ...lines].join('\n').replaceAll('\n', ', '), 600)),
    kind.includes('many') && s('rect', { x: x + 4, y: y + 4, width, height, rx: 6 }),
    s('rect', { x, y, width, height, rx: 6 }), s('text', { x: x + 10, y: y + LINE, class: 'name' }, fitted(name, width)),
    lines.map((text, at) => s('text', { x: x + 10, y: y + LINE * (at + 2) }, fitted(text, width))));
}

function drawTopology(host, topology, uplinks, width, each) {
  const narrow = width < 640;
  const svg = s('svg', { class: 'topology', width, role: 'img', 'aria-labelledby': 'topology-title topology-words' });
  const lines = s('g', { class: 'wires' }), boxes = s('g', {});
  const wire = (d, kind = '') => lines.append(s('path', { d, class: kind }));
  const trunk = 14;
  let y = 1;
  const upWidth = narrow ? 130 : 170;
  boxes.append(box(1, y, narrow ? 200 : 240, 28, 'outside', 'Machines outside', []));
  y += 28 + 22;
  const per = Math.max(1, Math.floor((width + 14) / (upWidth + 14)));
  const shownUplinks = uplinks.slice(0, per);
  shownUplinks.forEach((name, at) => {
    const x = 1 + at * (upWidth + 14);
    const last = at === shownUplinks.length - 1 && uplinks.length > per;
    boxes.append(box(x, y, upWidth, 28, 'uplink', last ? `and ${uplinks.length - per + 1} more` : name, [], last ? uplinks.slice(per - 1).join(', ') : `uplink ${name}`));
    wire(`M ${Math.min(x + upWidth / 2, 120)} ${y - 22} V ${y - 11} H ${x + upWidth / 2} V ${y}`);
    wire(`M ${x + upWidth / 2} ${y + 28} V ${y + 50}`);
  });
  if (!shownUplinks.length) wire(`M 60 ${y - 22} V ${y + 22}`, 'unsure');
  y += shownUplinks.length ? 50 : 22;
  boxes.append(box(1, y, width - 2, 30, 'kernel', narrow ? host.name : `${fitted(host.name, width - 320)}: routes, firewall`, []));
  y += 30;
  const top = y;
  let end = top;
  y += 22;
  for (const lane of topology.lanes) {
    const names = [lane.bridge && lane.bridge !== lane.name && `bridge ${lane.bridge}`, lane.driver && lane.driver !== 'bridge' && lane.driver !== lane.name && `driver ${lane.driver}`,
      ...lane.subnets.slice(0, 3), lane.internal && 'internal: no way out', !lane.items.length && 'no container'].filter(Boolean);
    const own = narrow ? width - 40 : 230;
    const ownHeight = LINE * (names.length + 1) + 10;
    const gridX = narrow ? 58 : 40 + own + 36;
    const columns = Math.max(1, Math.floor((width - gridX - 1 + 12) / (BOX + 12)));
    const wide = Math.min(BOX + 40, Math.floor((width - gridX - 1 - (columns - 1) * 12) / columns));
    const cells = boxesOf(lane, each);
    const laneTop = y;
    const plugged = !lane.apart && lane.name !== 'none';
    boxes.append(box(34, y, own, ownHeight, `${plugged ? 'network' : 'apart'} ${lane.internal ? 'internal' : ''}`, lane.name, names,
      `network ${[lane.name, ...names].join(', ')}`));
    if (plugged) {
      wire(`M ${trunk} ${laneTop + 20} H 34`, lane.internal ? 'internal' : '');
      end = laneTop + 20;
    }
    let rowY = narrow ? y + ownHeight + 18 : y;
    const busX = narrow ? 46 : 34 + own + 18;
    for (let at = 0; at < cells.length; at += columns) {
      const part = cells.slice(at, at + columns);
      const height = LINE * (1 + Math.max(...part.map((cell) => cell.lines.length))) + 10;
      part.forEach((cell, index) => {
        const x = gridX + index * (wide + 12);
        boxes.append(box(x, rowY, wide, height, `container${cell.stopped ? ' stopped' : ''}${cell.many ? ' many' : ''}${cell.open ? ' published' : ''}`,
          cell.name, cell.lines, cell.title));
        if (plugged && index > 0) wire(`M ${busX} ${rowY - 7} H ${x + 14} V ${rowY}`);
      });
      if (plugged) {
        wire(`M ${busX} ${rowY + 20} H ${gridX}`);
        if (part.length > 1) wire(`M ${busX} ${rowY + 20} V ${rowY - 7}`);
        wire(narrow ? `M ${busX} ${laneTop + ownHeight} V ${rowY + 20}` : `M ${busX} ${laneTop + 20} V ${rowY + 20}`);
      }
      rowY += height + 20;
    }
    if (plugged && !narrow && cells.length) wire(`M ${34 + own} ${laneTop + 20} H ${busX}`);
    y = Math.max(laneTop + ownHeight, rowY - 20) + 24;
  }
  if (end > top) wire(`M ${trunk} ${top} V ${end}`);
  const words = topology.lanes.map((lane) => `${lane.name}: ${counted(lane.items.length, 'container')}`).join('; ');
  svg.append(s('title', { id: 'topology-title' }, `Topology of ${cut(host.name, 80)}`),
    s('desc', { id: 'topology-words' }, `Uplinks: ${uplinks.join(', ') || 'not recorded'}. Networks: ${cut(words, 600)}. The table below has each container.`), lines, boxes);
  svg.setAttribute('height', y);
  svg.setAttribute('viewBox', `0 0 ${width} ${y}`);
  return svg;
}

function topologySection(host, found) {
  if (!found.facts) return null;
  const topology = lanesOf(found);
  const origins = found.reach?.origins ? told(found.reach.origins) : [];
  const uplinks = origins.filter(([kind]) => kind === 'outside').flatMap(([, , members]) => members);
  const holder = h('div', { class: 'drawing' });
  let each = false;
  const isCrowded = topology.lanes.some((lane) => lane.items.length > CROWD);
  const draw = () => {
    const width = Math.floor(holder.clientWidth || holder.parentElement?.clientWidth || 900);
    holder.replaceChildren(drawTopology(host, topology, uplinks, Math.max(280, width), each));
  };
  drawn.push(draw);
  const button = isCrowded && h('button', { type: 'button', 'aria-pressed': 'false', onclick: () => {
    each = !each;
    button.setAttribute('aria-pressed', String(each));
    draw();
  } }, 'Draw each container');
  const rows = topology.lanes.flatMap((lane) => lane.items.map(({ container, port, address }) =>
    [lane.name, lane.bridge, port, container.name, address, container.published.join(', '), container.stopped ? 'stopped' : 'running']));
  const table = h('details', {}, h('summary', {}, 'The topology as a table'), scrolled(h('table', {},
    h('thead', {}, h('tr', {}, ['network', 'bridge', 'port', 'container', 'address', 'published', 'state'].map((name) => h('th', { scope: 'col' }, name)))),
    h('tbody', {}, rows.slice(0, 500).map((row) => h('tr', {}, row.map((text) => h('td', {}, long(text || '\u2013', 120)))))))),
    rows.length > 500 && h('p', {}, `and ${rows.length - 500} more`));
  return section('Topology', 'Topology', h('p', { class: 'legend' }, h('span', {}, '\u21e5 published port'), h('span', {}, 'dashed: internal network, or a container that is stopped')),
    button, holder, table);
}

// ---- reachability --------------------------------------------------------------------------------------------------

const RELATIONS = { itself: 'from the container itself', same_network: 'on the same network', other_network: 'from another network' };
const DESTINATIONS = { published_port: 'Published ports', container_port: 'Ports of containers, at their own addresses', outside: 'Machines outside' };
const HOW = { answered: 'good', unknown: 'unsure' };
const howOf = (cell) => HOW[cell.observed] || 'bad';
const CELL_ROWS = 150;

function matrixOf(reach) {
  const own = told(reach.texts);
  const origins = told(reach.origins).map(([kind, name, members]) => ({ kind, name, members }));
  const destinations = told(reach.destinations).map(([kind, name, at, protocol, members]) => ({ kind, name, at, protocol, members }));
  const cells = new Map();
  for (const [origin, destination, ...rest] of reach.cells) {
    const [relation, verdict, observed, reason, instead, from, to] = rest.map((at) => own[at]);
    const key = `${origin} ${destination}`;
    if (!cells.has(key)) cells.set(key, []);
    cells.get(key).push({ relation, verdict, observed, reason, instead, from, to });
  }
  const at = (origin, destination) => cells.get(`${origin} ${destination}`) || [];
  // One line for the places at which a destination is seen alike.
  const rows = new Map();
  destinations.forEach((item, number) => {
    const seen = origins.map((origin, from) => cellWords(at(from, number)));
    const key = JSON.stringify([item.kind, item.name, item.protocol, seen]);
    if (!rows.has(key)) rows.set(key, { kind: item.kind, name: item.name, members: item.members, places: [], ats: [] });
    if (item.at) rows.get(key).places.push(item.at);
    rows.get(key).ats.push(number);
  });
  const kinds = Object.keys(DESTINATIONS);
  return { origins, destinations, at, rows: [...rows.values()].sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind)) };
}

function reachabilitySection(found) {
  const reach = found.reach;
  if (!reach) return null;
  const exposures = told(reach.exposures), problems = told(reach.problems);
  return section('Reachability', 'Reachability',
    problems.map((text) => h('p', { class: 'notice' }, long(text))),
    exposures.length > 0 && [h('h3', {}, `Exposed to machines outside (${exposures.length})`),
      manyOf(exposures, 20, ([, text, from, to]) => h('div', { class: 'exposure' }, h('p', {}, long(text)),
        pathOf([from, 'this host'], to, 'neutral', '')))],
    reach.cells ? reachMatrix(matrixOf(reach)) : [h('pre', { tabindex: '0' }, long(told(reach.listing).join('\n').split('\n').slice(0, 200).map(visible).join('\n'), 20000)),
      h('p', { class: 'dim' }, 'The matrix is part of documents with audit_reachability: full.')]);
}

const cellWords = (cells) => cells.map((cell) => [cell.observed, RELATIONS[cell.relation]].filter(Boolean).join(' ')).join('; ');

function reachMatrix(matrix) {
  const narrow = matchMedia('(max-width: 40rem)').matches;
  const detail = h('div', { class: 'celldetail', 'aria-live': 'polite' }, h('p', { class: 'dim' }, 'Choose a cell to see why.'));
  const choose = (origin, ats, cell) => {
    for (const old of app.querySelectorAll('.chosen')) old.classList.remove('chosen');
    cell?.classList.add('chosen');
    detail.replaceChildren(cellDetail(matrix, origin, ats));
    detail.scrollIntoView({ block: 'nearest' });
  };
  const wanted = h('select', { id: 'matrix-how' }, [['', 'all'], ['good', 'answered'], ['bad', 'not answered'], ['unsure', 'unknown']]
    .map(([value, text]) => h('option', { value }, text)));
  const text = h('input', { id: 'matrix-text', type: 'search', placeholder: 'container, port, address', autocomplete: 'off' });
  const from = narrow && h('select', { id: 'matrix-from' }, matrix.origins.map((origin, at) => h('option', { value: at }, cut(origin.name, 60))));
  const holder = h('div', { class: 'scroll grid matrixholder' });
  const count = h('p', { class: 'dim', role: 'status', 'aria-live': 'polite' });
  let most = CELL_ROWS;
  const chosenOrigins = () => from ? [Number(from.value)] : matrix.origins.map((origin, at) => at);
  const draw = () => {
    const origins = chosenOrigins();
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = matrix.rows.filter(({ name, places, members, ats }) => {
      const cells = origins.flatMap((origin) => matrix.at(origin, ats[0]));
      if (!cells.length || (wanted.value && !cells.some((cell) => howOf(cell) === wanted.value))) return false;
      const searched = [name, ...places, ...members].join(' ').toLowerCase();
      return words.every((part) => searched.includes(part));
    });
    count.textContent = rows.length > most ? `${most} of ${counted(rows.length, 'destination')}` : counted(rows.length, 'destination');
    const table = h('table', { class: 'matrix', role: 'grid', 'aria-label': 'Destinations by origins' },
      h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'to \\ from'), origins.map((at) => h('th', { scope: 'col', title: cut(originWords(matrix.origins[at]), 300) },
        h('span', { class: narrow ? '' : 'origin' }, cut(matrix.origins[at].name.replace(/^outside, by /, 'outside by '), 40)))))));
    let kind = null, body = null;
    for (const item of rows.slice(0, most)) {
      if (item.kind !== kind) {
        kind = item.kind;
        body = h('tbody', {}, h('tr', { class: 'kind' }, h('th', { colspan: origins.length + 1, scope: 'rowgroup' }, DESTINATIONS[kind] || kind)));
        table.append(body);
      }
      const name = item.name.replace(/ \(published on (.*)\)$/, '');
      const binding = item.name.slice(name.length).replace(/^ \((.*)\)$/, '$1');
      body.append(h('tr', { 'data-at': item.ats.join(' ') }, h('th', { scope: 'row', title: cut(item.members.join(', '), 300) }, cut(name, 60),
        h('span', { class: 'dim place' }, [item.places.length && `at ${cut(item.places.join(', '), 120)}`, cut(binding, 60)].filter(Boolean).join('; '))),
        origins.map((origin) => {
          const cells = matrix.at(origin, item.ats[0]);
          const hows = [...new Set(cells.map(howOf))];
          const label = cells.length ? cellWords(cells) : 'not asked';
          return h('td', { role: 'gridcell', tabindex: '-1', 'data-origin': origin, class: `cell ${hows.length === 1 ? hows[0] : hows.length ? 'several' : 'none'}`,
            'aria-label': `${cut(matrix.origins[origin].name, 60)} to ${cut(name, 60)} ${cut(item.places.join(', '), 60)}: ${label}`, title: cut(label, 200) },
            hows.map((how) => h('span', { class: `sign ${how}` }, MARKS[how])), narrow && h('span', {}, ` ${label}`));
        })));
    }
    const keys = gridKeys(table, { open: (row, cell) => choose(Number(cell.dataset.origin), row.dataset.at.split(' ').map(Number), cell) });
    holder.replaceChildren(table);
    keys.reset();
    if (rows.length > most) holder.append(h('button', { type: 'button', class: 'more', onclick: () => { most = Infinity; draw(); } }, 'Show all destinations'));
  };
  for (const control of [wanted, text, from]) control && control.addEventListener('input', draw);
  drawn.push(draw);
  return [h('h3', {}, 'Who reaches what'),
    h('p', { class: 'legend' }, [['good', 'answered'], ['bad', 'not answered'], ['unsure', 'unknown']].map(([how, name]) =>
      h('span', {}, h('span', { class: `sign ${how}` }, MARKS[how]), ' ', name)), h('span', {}, 'blank: not asked'),
      h('span', {}, 'containers and ports that the host treats alike are one line')),
    h('div', { class: 'filters' }, from && field('From', from), field('Shows', wanted), field('Destination', text)),
    count, holder, detail];
}

const originWords = (origin) => origin.kind !== 'outside' && origin.members.length ? origin.members.join(', ') : origin.name;

function cellDetail(matrix, origin, ats) {
  const from = matrix.origins[origin], to = matrix.destinations[ats[0]];
  const seen = new Map();
  for (const at of ats) {
    for (const cell of matrix.at(origin, at)) {
      const key = JSON.stringify([cell.relation, cell.observed, cell.reason, cell.instead]);
      if (!seen.has(key)) seen.set(key, cell);
    }
  }
  return h('div', {},
    h('h4', {}, cut(from.name, 80), ' to ', cut(to.name, 120)),
    from.members.length > 1 && h('p', { class: 'dim' }, 'From: ', long(from.members.join(', '), 300)),
    to.members.length > 1 && h('p', { class: 'dim' }, 'To: ', long(to.members.join(', '), 300)),
    seen.size === 0 && h('p', {}, 'Not asked: no such packet can be sent from there.'),
    [...seen.values()].slice(0, 10).map((cell) => {
      const how = howOf(cell);
      const why = how === 'good' ? cell.instead ? `answered by ${cell.instead} instead` : 'answered' : cell.reason || cell.observed;
      return h('div', {}, h('p', {}, h('strong', {}, cell.observed), RELATIONS[cell.relation] ? ` ${RELATIONS[cell.relation]}` : '',
        `, for example ${cut(cell.from, 80)} to ${cut(cell.to, 80)}:`),
      pathOf([cell.from, cell.relation === 'same_network' ? 'bridge of their network' : 'this host'], cell.to, how, why,
        cell.verdict === 'no answer'));
    }));
}

// ---- start ---------------------------------------------------------------------------------------------------------

document.addEventListener('keydown', (event) => {
  const typing = event.target.closest?.('input, select, textarea');
  if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey) {
    if (app.dataset.view !== 'fleet') openFleet();
    event.preventDefault();
    setTimeout(() => document.getElementById('filter-q')?.focus(), 0);
  } else if (event.key === 'Escape' && app.dataset.view === 'host') {
    openFleet();
  } else if (event.key === 'Escape' && typing && typing.id === 'filter-q' && typing.value) {
    typing.value = '';
    typing.dispatchEvent(new Event('input'));
  }
});

load().then(async () => {
  addEventListener('hashchange', show);
  let resized = 0;
  addEventListener('resize', () => {
    cancelAnimationFrame(resized);
    resized = requestAnimationFrame(() => { if (app.dataset.view === 'host') for (const draw of drawn) draw(); });
  });
  await show();
  app.dataset.ready = 'yes';
}).catch((error) => {
  app.replaceChildren(h('main', { id: 'main' }, h('h1', {}, 'This page could not be shown'),
    h('p', {}, `${error.name}: ${error.message}. It needs a browser of 2023 or later.`)));
});
})();
