// Validates an OpenAPI document, and exchanges with the server against it.
//
//   node check.mjs document.json [exchanges.json]
//
// An exchange is {method, path (as in the document), request (what is shown
// of it), status, type, body}.  Prints a JSON array of what is wrong.

import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const load = (path) => JSON.parse(readFileSync(path, "utf8"));
const wrong = [];
const say = (what, why) => wrong.push(`${what}: ${why}`);

const document = load(process.argv[2]);
const result = await new Validator().validate(structuredClone(document));

if (!result.valid) {
  say("document", JSON.stringify(result.errors, null, 1).slice(0, 4000));
}

// References lead somewhere; ids are unique; path parameters are declared.

const escape = (key) => key.replace(/~/g, "~0").replace(/\//g, "~1");
const find = (ref) =>
  ref.slice(2).split("/").reduce(
    (at, key) => at?.[decodeURIComponent(key).replace(/~1/g, "/")
                                              .replace(/~0/g, "~")],
    document);

const references = (node, where) => {
  for (const [key, value] of Object.entries(node ?? {})) {
    if (key === "$ref" && typeof value === "string") {
      if (find(value) === undefined) say(where, `${value} leads nowhere`);
    } else if (typeof value === "object") {
      references(value, `${where}/${key}`);
    }
  }
};
references(document, "#");

const resolve = (node) => (node?.$ref ? find(node.$ref) : node);
const methods = ["get", "post", "put", "patch", "delete"];
const ids = new Map();
const operations = [];

for (const [path, item] of Object.entries(document.paths ?? {})) {
  for (const method of methods.filter((name) => item[name])) {
    const operation = item[method];
    const name = `${method.toUpperCase()} ${path}`;
    operations.push({ name, path, method, operation });

    if (ids.has(operation.operationId)) {
      say(name, `operationId of ${ids.get(operation.operationId)}`);
    }
    ids.set(operation.operationId, name);

    const declared = operation.parameters.map(resolve)
      .filter((parameter) => parameter.in === "path")
      .map((parameter) => parameter.name).sort().join();
    const named = [...path.matchAll(/\{([^}]*)\}/g)]
      .map((match) => match[1]).sort().join();
    if (declared !== named) say(name, `path parameters ${declared}`);
  }
}

// Schemas compile.  An entity of the document must name all that is answered,
// though a client must not rely on that.

const strict = structuredClone(document);
const close = (schema) => {
  if (typeof schema !== "object" || schema === null) return;
  if (schema.properties && schema.additionalProperties === undefined) {
    schema.additionalProperties = false;
  }
  Object.values(schema).forEach(close);
};
for (const [name, schema] of Object.entries(strict.components.schemas)) {
  if (name !== "Problem") close(schema);
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(strict, "api");

const compile = (pointer) => {
  const ref = "api#" + pointer.map(
    (key) => "/" + encodeURIComponent(escape(String(key)))).join("");
  return ajv.getSchema(ref) ?? ajv.compile({ $ref: ref });
};

for (const { name, path, method, operation } of operations) {
  const base = ["paths", path, method];
  try {
    for (const type of Object.keys(operation.requestBody?.content ?? {})) {
      compile([...base, "requestBody", "content", type, "schema"]);
    }
    operation.parameters.forEach((parameter, i) => {
      if (!parameter.$ref) compile([...base, "parameters", i, "schema"]);
    });
  } catch (error) {
    say(name, error.message);
  }
}

// Examples fit their own schemas.

const examples = (schema, pointer) => {
  if (typeof schema !== "object" || schema === null) return;
  if (Array.isArray(schema.examples) && typeof pointer.at(-1) === "string") {
    const validate = compile(pointer);
    for (const example of schema.examples) {
      if (!validate(example)) {
        say(pointer.join("/"), `example ${JSON.stringify(example)}: `
            + ajv.errorsText(validate.errors));
      }
    }
  }
  for (const [key, value] of Object.entries(schema)) {
    examples(value, [...pointer, key]);
  }
};
examples(document.components.schemas, ["components", "schemas"]);
examples(document.paths, ["paths"]);

// What the server said is what the document says.

for (const exchange of process.argv[3] ? load(process.argv[3]) : []) {
  const { method, path, request, status, type, body } = exchange;
  const responses = document.paths[path]?.[method.toLowerCase()]?.responses;
  if (!responses) { say(request, "not in the document"); continue; }

  const given = responses[status];
  if (!given) { say(request, `status ${status} is not in the document`); continue; }

  const response = resolve(given);
  const media = (type ?? "").split(";")[0];

  if (!response.content) {
    if (body !== null) say(request, `${status} with a body`);
    continue;
  }
  if (!response.content[media]) {
    say(request, `${status} of type "${media}"`);
    continue;
  }

  const pointer = given.$ref
    ? given.$ref.slice(2).split("/").map(decodeURIComponent)
    : ["paths", path, method.toLowerCase(), "responses", status];

  try {
    const validate = compile([...pointer, "content", media, "schema"]);
    if (!validate(body)) {
      say(request, `${status}: ${ajv.errorsText(validate.errors)}: `
          + JSON.stringify(body).slice(0, 600));
    }
  } catch (error) {
    say(request, error.message);
  }
}

console.log(JSON.stringify(wrong, null, 1));
