// ONNX files in transformers.js, with tokens that it makes of the texts by itself.
//
//     node in_transformers_js.mjs CASES RESULTS FOLDER
//
// FOLDER is one in which `npm install --ignore-scripts @huggingface/transformers@4.3.2` was run.

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [cases, results, folder] = process.argv.slice(2);
const library = await import(
  pathToFileURL(path.join(folder, "node_modules/@huggingface/transformers/dist/transformers.node.mjs")).href
);
library.env.allowRemoteModels = false;
library.env.useFSCache = false;

const HEADS = {
  ForSequenceClassification: "AutoModelForSequenceClassification",
  ForTokenClassification: "AutoModelForTokenClassification",
  ForQuestionAnswering: "AutoModelForQuestionAnswering",
  ForMaskedLM: "AutoModelForMaskedLM",
};
const OUTPUTS = {
  logits: "logits", last_hidden_state: "states", pooler_output: "pooled", start_logits: "start", end_logits: "end",
  text_embeds: "text", image_embeds: "image", sentence_embedding: "embedding",
};

const integers = (rows) => new library.Tensor("int64", BigInt64Array.from(rows.flat(4).map(BigInt)), shape(rows));
const numbers = (rows) => new library.Tensor("float32", Float32Array.from(rows.flat(4)), shape(rows));
const shape = (rows) => (Array.isArray(rows) ? [rows.length, ...shape(rows[0])] : []);
const list = (tensor) => JSON.parse(JSON.stringify(tensor.tolist(), (_, value) => (typeof value === "bigint" ? Number(value) : value)));
const given = (one) =>
  Object.fromEntries(
    Object.entries(one.inputs).map(([name, rows]) => [name, name === "pixel_values" ? numbers(rows) : integers(rows)]),
  );

/// Pairs of the name of an output and its values.
async function of(one) {
  const found = [];
  const place = path.dirname(one.root);
  library.env.localModelPath = place + path.sep;
  const name = path.basename(one.root);
  const options = { dtype: "fp32", local_files_only: true };
  const head = (one.config.architectures ?? [""])[0];
  const add = (outputs) => {
    for (const [output, what] of Object.entries(OUTPUTS)) {
      if (outputs[output]) found.push([what, list(outputs[output])]);
    }
  };
  if (["dual", "oscar"].includes(one.kind)) return found;
  const tokenizer = await library.AutoTokenizer.from_pretrained(name, options);
  // Of the last text, which is truncated, it loses the token that ends it.
  const isTruncated = ["answers", "sentences", "clip"].includes(one.kind);
  const own = isTruncated ? one.texts.slice(0, -1) : one.texts;
  const texts = one.kind === "answers" ? own.map(() => one.question) : own;
  const pairs = one.kind === "answers" ? { text_pair: own } : {};
  const tokens = tokenizer(texts, { ...pairs, padding: true, truncation: true });
  found.push(["ids", list(tokens.input_ids)]);
  if (one.kind === "marian") {
    const model = await library.AutoModelForSeq2SeqLM.from_pretrained(name, options);
    const generated = await model.generate({ ...tokens, num_beams: 1, do_sample: false, max_new_tokens: one["max new tokens"] });
    found.push(["generated", tokenizer.batch_decode(generated, { skip_special_tokens: true })]);
  } else if (one.kind === "clip") {
    const model = await library.CLIPModel.from_pretrained(name, options);
    add(await model(given(one)));
    add(await (await library.CLIPTextModelWithProjection.from_pretrained(name, options))(given(one)));
    add(await (await library.CLIPVisionModelWithProjection.from_pretrained(name, options))(given(one)));
  } else if (one.kind === "sentences") {
    const model = await library.AutoModel.from_pretrained(name, options);
    const outputs = await model(tokens);
    add(outputs);
    found.push(["embedding of texts", list(outputs.sentence_embedding)]);
  } else {
    const kind = Object.entries(HEADS).find(([end]) => head.endsWith(end));
    const model = await library[kind ? kind[1] : "AutoModel"].from_pretrained(name, options);
    add(await model(given(one)));
    if (head.endsWith("ForSequenceClassification") && one.kind === "text" && Object.keys(one.config.id2label).length > 1) {
      const ask = await library.pipeline("text-classification", name, options);
      const said = await ask(one.texts, { top_k: null });
      const labels = Object.keys(one.config.id2label).sort((a, b) => a - b).map((key) => one.config.id2label[key]);
      found.push(["probabilities of texts", said.map((row) => labels.map((label) => row.find((own) => own.label === label).score))]);
    }
  }
  return found;
}

const lines = [{ version: `transformers.js ${library.env.version}` }];
for (const one of JSON.parse(readFileSync(cases, "utf8"))) {
  try {
    for (const [what, values] of await of(one)) lines.push({ case: one.name, part: "", what, values });
  } catch (error) {
    lines.push({ case: one.name, refuses: String(error).split(/\s+/).join(" ").slice(0, 300) });
  }
}
writeFileSync(results, lines.map((line) => JSON.stringify(line) + "\n").join(""));
