// Sliders and the chart beside them. The server holds no session: what the address says is the whole state.
"use strict"

const form = document.getElementById("state")
const part = name => document.getElementById(name)
const sliders = [...form.querySelectorAll("input[type=range]")]
const DAY = 86400000
const WIDTHS = [820, 665, 480, 340]

let state = new URLSearchParams(form.dataset.query)  // as the server last said it
const moved = new Map()    // sliders that were moved since, with what they mean
let asking = false         // one request at a time: while it is on its way, only the last position is kept
let settled = true         // the next move begins a new place in the history
let push = false
let details = null         // request of the figures, given up when a slider moves
let pause = 0

const kinds = {
  percent: { meant: text => text, at: text => text, shown: (text, one) => `${(100 * text).toFixed(one.dataset.digits)}%` },
  number: {
    meant: text => text, at: text => text,
    shown: (text, one) => Number(text).toLocaleString("en-US", {
      minimumFractionDigits: Number(one.dataset.digits), maximumFractionDigits: Number(one.dataset.digits) }),
  },
  day: {
    meant: (text, one) => new Date(Date.parse(one.dataset.first) + text * DAY).toISOString().slice(0, 10),
    at: (text, one) => Math.round((Date.parse(text) - Date.parse(one.dataset.first)) / DAY),
    shown: text => text,
  },
  choice: {
    meant: (text, one) => one.dataset.choices.split(" ")[text],
    at: (text, one) => one.dataset.choices.split(" ").indexOf(text),
    shown: text => text,
  },
}

function show(one, text) {
  const shown = kinds[one.dataset.kind].shown(text, one)
  one.parentElement.querySelector("output").textContent = shown
  one.setAttribute("aria-valuetext", shown)
}

function place(one, text) {
  one.value = kinds[one.dataset.kind].at(text, one)
  show(one, text)
}

async function answer(path, query, signal) {
  let response
  try {
    response = await fetch(`${path}?${query}`, { signal, credentials: "same-origin" })
  } catch (error) {
    if (error.name === "AbortError") throw error
    throw new Error("The server does not answer; see whether it still runs, then move a slider.")
  }
  const found = await response.json()
  if (!response.ok) throw new Error(found.error)
  return found
}

function complain(text) {
  part("problem").textContent = text ? `${text}\nThe figures are those of the last valid state.` : ""
  part("chart").classList.toggle("old", Boolean(text))
}

async function ask() {
  if (asking) return
  asking = true
  part("chart").setAttribute("aria-busy", "true")
  outdate()
  const query = new URLSearchParams(state)
  const sent = new Map(moved)
  for (const [key, text] of sent) query.set(key, text)
  if (sent.size) query.set("moved", [...sent.keys()].at(-1))
  const room = part("chart").clientWidth
  query.set("width", WIDTHS.find(width => width <= room) || WIDTHS.at(-1))
  try {
    take(await answer(form.dataset.chart, query), sent)
    complain("")
  } catch (error) {
    for (const [key, text] of sent) if (moved.get(key) === text) moved.delete(key)
    complain(error.message)
  }
  asking = false
  part("chart").setAttribute("aria-busy", "false")
  if (moved.size) ask()
  else figures()
}

function take(found, sent) {
  for (const [key, text] of sent) if (moved.get(key) === text) moved.delete(key)
  const first = part("link").value === ""
  state = new URLSearchParams(found.query)
  const address = `${location.pathname}?${found.query}`
  if (push) history.pushState(null, "", address)
  else history.replaceState(null, "", address)
  push = false
  part("link").value = location.href
  part("copied").textContent = ""
  for (const one of document.querySelectorAll("[data-follows]")) one.href = `${one.dataset.follows}?${found.query}`
  // written by the server, where all that comes from outside is text
  part("chart").innerHTML = found.chart
  part("now").textContent = found.finding
  for (const one of sliders) {
    one.parentElement.classList.toggle("moved", state.has(one.name))
    if (!moved.has(one.name) && !sent.has(one.name)) place(one, found.values[one.name])
  }
  if (!first) tell(found.finding)
}

let telling = 0
function tell(finding) {  // once the slider rests: nobody wants every step read out
  clearTimeout(telling)
  telling = setTimeout(() => { part("finding").textContent = finding }, 700)
}

function outdate() {
  clearTimeout(pause)
  if (details) details.abort()
  if (part("details")) part("details").classList.add("old")
}

function figures() {
  if (!form.dataset.details) return
  clearTimeout(pause)
  pause = setTimeout(async () => {
    const mine = details = new AbortController()
    part("waiting").textContent = "Computing the figures below …"
    try {
      const found = await answer(form.dataset.details, state, mine.signal)
      part("details").innerHTML = found.details
      part("details").classList.remove("old")
      part("waiting").textContent = ""
    } catch (error) {
      if (error.name !== "AbortError") part("waiting").textContent = error.message
    }
  }, 250)
}

for (const one of sliders) {
  place(one, one.dataset.value)
  one.addEventListener("input", () => {
    const text = kinds[one.dataset.kind].meant(one.value, one)
    show(one, text)
    moved.delete(one.name)  // so that it is the last
    moved.set(one.name, text)
    push ||= settled
    settled = false
    ask()
  })
  one.addEventListener("change", () => { settled = true })
}

for (const choice of form.querySelectorAll("select")) {
  choice.addEventListener("change", () => {
    // another policy has other sliders; whose bill is shown changes none of them
    const query = "keeps" in choice.dataset || choice.name === "baseline" ? state : new URLSearchParams()
    if (choice.name === "policy" && state.has("baseline")) query.set("baseline", state.get("baseline"))
    query.set(choice.name, choice.value)
    location.assign(`${location.pathname}?${query}`)
  })
}

window.addEventListener("popstate", () => {
  moved.clear()
  state = new URLSearchParams(location.search)
  ask()
})

let room = part("chart").clientWidth
window.addEventListener("resize", () => {
  if (WIDTHS.find(width => width <= room) !== WIDTHS.find(width => width <= part("chart").clientWidth)) ask()
  room = part("chart").clientWidth
})

part("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(location.href)
    part("copied").textContent = "Copied. It opens for whoever has the token and reaches this server."
  } catch {
    part("link").select()
    part("copied").textContent = "Marked: copy it with Ctrl-C or ⌘C."
  }
})

form.addEventListener("submit", event => event.preventDefault())
ask()
