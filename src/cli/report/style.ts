/** How a report looks: light and dark, from a phone's width on. */
export const STYLE = `
:root{color-scheme:light dark;--paper:#fff;--card:#f4f6f8;--ink:#1b1f24;--dim:#48515e;--faint:#8a93a0;--line:#d5dae1;--c0:#2563a8;--c1:#c2410c;--c2:#15803d;--c3:#a21caf;--c4:#a16207;--c5:#0e7490;--c6:#be123c;--c7:#5b6472;--bad:#b42318}
@media (prefers-color-scheme:dark){:root{--paper:#14171c;--card:#1e232b;--ink:#e8ebef;--dim:#b3bcc8;--faint:#6f7a88;--line:#333b47;--c0:#7ab3ef;--c1:#fb923c;--c2:#4ade80;--c3:#e879f9;--c4:#facc15;--c5:#22d3ee;--c6:#fb7185;--c7:#a3acb8;--bad:#ff8a80}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
header,main,footer{max-width:76rem;margin:0 auto;padding:0 1rem}
h1{margin:1.5rem 0 0;font-size:1.8rem;line-height:1.25;overflow-wrap:anywhere}
h2{margin:2rem 0 .75rem;font-size:1.25rem}
h3{margin:0;font-size:1rem;overflow-wrap:anywhere}
small,header p,article p,footer{color:var(--dim)}
header p{margin:.25rem 0;overflow-wrap:anywhere}
small{font-weight:400}
article p{margin:.25rem 0;font-size:.9rem}
article p span{display:inline-block}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr));gap:1rem}
article{background:var(--card);border-radius:.5rem;padding:1rem;min-width:0}
figure{margin:.5rem 0}
figure svg{display:block;width:100%;height:auto}
svg text{font-family:system-ui,sans-serif!important}
.map svg{border:1px solid var(--line);border-radius:.25rem}
.ends{display:flex;justify-content:space-between;gap:1rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:0}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
@media (max-width:36rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}${marksOnPhones()}}
.bad{color:var(--bad);font-weight:600}
table{border-collapse:collapse;font-size:.85rem;width:100%}
th,td{text-align:left;padding:.2rem .75rem .2rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
.number{text-align:right;white-space:nowrap}
summary{cursor:pointer;font-size:.9rem;padding:.25rem 0}
pre{overflow:auto;font-size:.8rem;background:var(--card);padding:1rem;max-height:30rem;border-radius:.5rem}
.scroll{max-height:24rem;overflow:auto}
.key{display:flex;flex-wrap:wrap;gap:.25rem 1rem;list-style:none;margin:.5rem 0;padding:0;font-size:.9rem}
.mark{display:inline-block;width:.8em;height:.8em;margin-right:.4em}
fieldset{border:0;margin:0 0 .5rem;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1rem}
legend{float:left;padding:0;color:var(--dim)}
label{padding:.15rem 0;overflow-wrap:anywhere}
:focus-visible{outline:2px solid var(--c0);outline-offset:2px}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
footer{font-size:.85rem;padding-bottom:2rem;overflow-wrap:anywhere}
@media print{details{display:none}article{break-inside:avoid}}
`

/** The map is drawn for a wide page: on a narrow one its symbols get a stroke of their own colour, or a thicker one. */
function marksOnPhones(): string {
  const filled = [0, 1, 2, 3].map((at) => `.map [fill="var(--c${at})"]{stroke:var(--c${at});stroke-width:.8}`)
  return `${filled.join('')}.map [stroke^="var(--c"]{stroke-width:.8}`
}
