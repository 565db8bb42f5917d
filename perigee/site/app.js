// Shows which edge answered, by asking for this page again and reading Cache-Status (RFC 9211).
"use strict";

const byId = (id) => document.getElementById(id);

// "shield-1; fwd=uri-miss, na-1; hit; ttl=58" -> [{ node: "shield-1", told: "fwd=uri-miss" }, ...]
// Strings in quotes may hold commas and semicolons.
function entries(field) {
  const parts = (text, mark) => text.match(new RegExp(`(?:"(?:\\\\.|[^"\\\\])*"|[^"${mark}])+`, "g")) || [];
  return parts(field, ",").map((entry) => {
    const [node, ...told] = parts(entry, ";").map((part) => part.trim());
    return { node: node.replace(/^"|"$/g, ""), told: told.join("; ") };
  });
}

async function ask() {
  const begun = performance.now();
  // The browser's own cache would answer for the edge.
  const response = await fetch(location.pathname, { cache: "no-store" });
  await response.arrayBuffer();
  const field = response.headers.get("cache-status");
  byId("timing").textContent = `${(performance.now() - begun).toFixed(1)} ms`;
  byId("path").replaceChildren();
  const verdict = byId("verdict");
  if (!field) {
    byId("edge").textContent = "the origin itself";
    verdict.textContent = "no cache on the way";
    verdict.className = "chip";
    return;
  }
  const way = entries(field).reverse();
  byId("edge").textContent = way[0].node;
  const holder = way.findIndex(({ told }) => /(^|; )hit/.test(told));
  verdict.textContent = holder < 0 ? "asked the origin" : holder ? `${way[holder].node} had it` : "had it";
  verdict.className = `chip ${holder < 0 ? "miss" : "hit"}`;
  for (const { node, told } of way) {
    const item = document.createElement("li");
    item.textContent = told ? `${node}: ${told}` : node;
    byId("path").append(item);
  }
}

async function serial() {
  const response = await fetch("/serial.txt", { cache: "no-store" });
  byId("serial").textContent = response.ok ? `№ ${(await response.text()).trim()}` : "not here";
}

async function big() {
  const button = byId("fetch-big");
  button.disabled = true;
  try {
    const begun = performance.now();
    const response = await fetch("/big.bin", { cache: "no-store" });
    const total = Number(response.headers.get("content-length")) || 4 * 1024 * 1024;
    const reader = response.body.getReader();
    let here = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      here += value.length;
      byId("progress").value = here / total;
    }
    const ms = performance.now() - begun;
    const way = entries(response.headers.get("cache-status") || "").reverse();
    const who = way.length ? `${way[0].node} (${way[0].told || "answered"})` : "the origin";
    byId("big-note").textContent = `${(here / 1048576).toFixed(1)} MiB in ${ms.toFixed(0)} ms from ${who}`;
  } catch {
    byId("big-note").textContent = "The transfer broke off.";
  } finally {
    button.disabled = false;
  }
}

function again() {
  ask().catch(() => {
    byId("edge").textContent = "nobody";
    byId("verdict").textContent = "the edge is gone: ask the DNS again";
    byId("verdict").className = "chip miss";
  });
  serial().catch(() => { byId("serial").textContent = "…"; });
}

byId("again").addEventListener("click", again);
byId("fetch-big").addEventListener("click", big);
again();
