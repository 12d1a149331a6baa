"""The stylesheet: JupyterLab's own colours for what is neutral, Okabe and Ito's for what has a meaning, so that it
reads in the light and in the dark theme, and without telling red from green."""

STYLE = """
.etl-room { --loaded: #0072b2; --running: #2f9bd8; --waiting: #e69f00; --blocked: #d55e00; --crashed: #b8548c;
  --ok: #009e73; --ink: var(--jp-ui-font-color1, #212121); --faint: var(--jp-ui-font-color2, #616161);
  --line: var(--jp-border-color2, #d8d8d8); --card: var(--jp-layout-color1, #fff); --page: color-mix(in srgb, var(--jp-layout-color2, #eee) 45%, var(--jp-layout-color1, #fff));
  container-type: inline-size; container-name: room; width: 100%; min-width: 0; box-sizing: border-box; padding: 14px;
  gap: 12px; border: 1px solid var(--line); border-radius: 12px; background: var(--page); color: var(--ink);
  font-family: var(--jp-ui-font-family, sans-serif); font-size: 13px; overflow: hidden; position: relative; }
body[data-jp-theme-light="false"] .etl-room { --loaded: #3d9fe0; --running: #8fd0f7; --waiting: #f0b43c; --blocked: #f07c33;
  --crashed: #dc8fbb; --ok: #2fc79a; }
.etl-room .jupyter-widgets { margin: 0; min-width: 0; max-width: 100%; color: var(--ink); }
.etl-room .widget-html, .etl-room .jupyter-widget-html { height: auto; }
.etl-room .widget-html-content { line-height: 1.4; font-size: 13px; width: 100%; min-width: 0; overflow: visible; }
.etl-room .room-style { display: none; }
.etl-room .etl-card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 12px; overflow: visible; }
.etl-room .etl-head { display: flex; flex-flow: row wrap; align-items: center; gap: 6px 14px; }
.etl-room .room-title { flex: 1 1 240px; } .etl-room .room-clock, .etl-room .room-state { flex: none; width: auto; }
.etl-room .room-title b { font-size: 19px; font-weight: 650; letter-spacing: -.01em; }
.etl-room .room-title span, .etl-room .room-clock span { color: var(--faint); font-size: 12px; }
.etl-room .room-title .home { display: block; overflow-wrap: anywhere; }
.etl-room .room-clock .late { visibility: hidden; color: var(--blocked); font-weight: 600; animation: etl-late 1ms linear 10s forwards; }
@keyframes etl-late { to { visibility: visible; } }
.etl-room .etl-state { display: inline-flex; align-items: center; gap: 7px; padding: 5px 14px; border-radius: 99px; font-weight: 650;
  font-size: 14px; border: 1px solid var(--tone); background: color-mix(in srgb, var(--tone) 14%, var(--card)); white-space: nowrap; }
.etl-room .etl-state i { width: 10px; height: 10px; border-radius: 50%; background: var(--tone); flex: none; }
.etl-room .etl-state.square i { border-radius: 2px; } .etl-room .etl-state.ring i { background: none; box-shadow: inset 0 0 0 3px var(--tone); }
.etl-room .ok { --tone: var(--ok); } .etl-room .busy { --tone: var(--running); } .etl-room .warn { --tone: var(--waiting); }
.etl-room .bad { --tone: var(--blocked); } .etl-room .off { --tone: var(--faint); }
.etl-room .etl-bar { display: flex; flex-flow: row wrap; gap: 8px; align-items: center; }
.etl-room button.jupyter-button, .etl-room .jupyter-button { height: 32px; line-height: 30px; border-radius: 7px; border: 1px solid var(--jp-border-color1, #bbb);
  background: var(--card); color: var(--ink); padding: 0 14px; width: auto; font-size: 13px; font-weight: 550; flex: none; box-shadow: none; }
.etl-room .jupyter-button:hover:enabled { background: color-mix(in srgb, var(--loaded) 9%, var(--card)); border-color: var(--loaded); box-shadow: none; }
.etl-room .jupyter-button:focus-visible { outline: 2px solid var(--running); outline-offset: 1px; }
.etl-room .jupyter-button:disabled { opacity: .42; cursor: default; }
.etl-room .jupyter-button.main:enabled { background: #0072b2; border-color: #0072b2; color: #fff; }
.etl-room .jupyter-button.main:hover:enabled { background: #005d92; color: #fff; }
.etl-room .room-message { flex: 1 1 220px; min-width: 180px; }
.etl-room .etl-message { border-left: 3px solid var(--tone); padding: 2px 10px; overflow-wrap: anywhere; }
.etl-room .etl-message time { color: var(--faint); margin-right: 8px; font-variant-numeric: tabular-nums; }
.etl-room .room-problems:has(.etl-problem) { display: block; } .etl-room .room-problems { display: none; }
.etl-room .etl-problem { border: 1px solid var(--blocked); border-radius: 8px; padding: 8px 12px; overflow-wrap: anywhere;
  background: color-mix(in srgb, var(--blocked) 12%, var(--card)); }
.etl-room .etl-cards { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: 10px; overflow: visible; }
.etl-room .etl-cards > .etl-card { padding: 0; }
.etl-room .etl-answer { min-height: 84px; height: 100%; box-sizing: border-box; padding: 10px 12px; border-left: 4px solid var(--tone); border-radius: 9px 0 0 9px; }
.etl-room .etl-cards .widget-html-content { height: 100%; }
.etl-room .etl-answer h4 { margin: 0 0 2px; font-size: 12px; font-weight: 500; color: var(--faint); }
.etl-room .etl-answer p { margin: 0; font-size: 12px; color: var(--faint); overflow-wrap: anywhere; }
.etl-room .etl-answer strong { display: block; font-size: 19px; line-height: 1.25; font-weight: 650; overflow-wrap: anywhere; margin-bottom: 2px; }
.etl-room .etl-answer strong i { font-style: normal; color: var(--tone); margin-right: 6px; }
.etl-room .room-type { grid-column: 1 / -1; } .etl-room .room-type .etl-answer { min-height: 0; display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 14px; }
.etl-room .room-type h4, .etl-room .room-type strong { margin: 0; } .etl-room .room-type strong { font-size: 15px; } .etl-room .room-type p { flex: 1 1 240px; }
.etl-room .room-type code { font-family: var(--jp-code-font-family, monospace); font-size: 13px; color: var(--ink); background: var(--page);
  border: 1px solid var(--line); padding: 3px 10px; border-radius: 6px; user-select: all; }
.etl-room .etl-tools { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); gap: 10px; overflow: visible; }
.etl-room .etl-tools .etl-card { display: flex; flex-direction: column; gap: 7px; }
.etl-room .etl-heading b { font-size: 13px; } .etl-room .etl-heading span { color: var(--faint); font-size: 12px; margin-left: 6px; }
/* tools */ .etl-room .etl-tools .jupyter-button { padding: 0 11px; height: 30px; line-height: 28px; } .etl-room input[type="date"] { padding: 0 4px; min-width: 0; }
.etl-room .etl-line { display: flex; flex-flow: row wrap; gap: 6px; align-items: center; overflow: visible; }
.etl-room .etl-line .widget-label, .etl-room .etl-line .widget-html { width: auto; }
.etl-room .etl-line .widget-dropdown, .etl-room .etl-line .widget-text { width: auto; height: 30px; }
.etl-room select, .etl-room input[type="text"], .etl-room input[type="number"], .etl-room input[type="date"] { height: 30px !important;
  border-radius: 6px !important; border: 1px solid var(--jp-border-color1, #bbb) !important; background-color: var(--card) !important;
  color: var(--ink) !important; font-size: 13px !important; }
.etl-room select { padding-right: 24px !important; }
.etl-room .etl-note { color: var(--faint); font-size: 12px; overflow-wrap: anywhere; }
.etl-room .etl-note.bad { color: var(--ink); } .etl-room .etl-note.bad::before { content: "✕ "; color: var(--blocked); }
.etl-room .etl-note .chip { display: inline-block; border: 1px solid var(--waiting); border-radius: 99px; padding: 0 8px; margin: 0 4px 2px 0; color: var(--ink);
  font-family: var(--jp-code-font-family, monospace); font-size: 11px; }
.etl-room .etl-progress { height: 6px; border-radius: 3px; background: var(--page); overflow: hidden; margin: 2px 0 4px; }
.etl-room .etl-progress i { display: block; height: 100%; background: var(--loaded); }
.etl-room .etl-caption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 2px 18px; margin-bottom: 8px; }
.etl-room .etl-say { font-weight: 600; font-size: 13.5px; } .etl-room .etl-legend { color: var(--faint); font-size: 12px; display: flex; flex-wrap: wrap; gap: 2px 12px; }
.etl-room .etl-key { white-space: nowrap; } .etl-room .etl-more { color: var(--faint); font-size: 12px; }
.etl-room .swatch { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 5px; vertical-align: -1px; font: 700 9px/12px sans-serif;
  text-align: center; color: #fff; box-sizing: border-box; background: var(--fill); }
.etl-room .swatch.plain { background: none; color: var(--ink); font-size: 13px; } .etl-room .swatch.waiting-mark { color: var(--waiting); }
.etl-room .loaded { --fill: var(--loaded); } .etl-room .running { --fill: var(--running); } .etl-room .waiting, .etl-room .overdue { --fill: var(--waiting); }
.etl-room .blocked { --fill: var(--blocked); } .etl-room .crashed { --fill: var(--crashed); } .etl-room .stage-extract { --fill: #56b4e9; }
.etl-room .stage-transform { --fill: #0072b2; } .etl-room .stage-load { --fill: #009e73; } .etl-room .stage-between { --fill: var(--line); }
.etl-room .swatch.pending { background: none; border: 1.5px solid var(--loaded); } .etl-room .swatch.missing { background: none; border: 1px dotted var(--ink); color: var(--ink); }
.etl-room .swatch.usual-key { background: none; border-top: 2px dashed var(--ink); height: 0; border-radius: 0; vertical-align: 3px; }
.etl-room .swatch.stage-transform { background: repeating-linear-gradient(45deg, #0072b2 0 3px, #7fc4ef 3px 4px); }
.etl-room .etl-plot { display: flex; } .etl-room .etl-plot > svg { flex: 1 1 0; min-width: 0; overflow: visible; display: block; }
.etl-room .etl-days { position: relative; flex: none; width: 92px; color: var(--faint); font-size: 12px; } .etl-room .etl-days span { position: absolute; right: 10px; line-height: 16px; white-space: nowrap; }
.etl-room [data-picture="calendar"] .etl-days, .etl-room [data-picture="durations"] .etl-days { width: 40px; }
.etl-room svg rect { fill: var(--fill); } .etl-room svg text.t { fill: var(--ink); font: 12px var(--jp-ui-font-family, sans-serif); } .etl-room svg text.faint { fill: var(--faint); font-size: 11px; }
.etl-room svg rect.cell.pending { fill: color-mix(in srgb, var(--loaded) 8%, transparent); stroke: var(--loaded); stroke-width: 1.2; }
.etl-room svg rect.cell.absent { fill: var(--page); } .etl-room svg rect.cell.missing { fill: none; stroke: var(--ink); stroke-dasharray: 1.5 2; }
.etl-room svg rect.cell.running { animation: etl-pulse 1.2s ease-in-out infinite alternate; } @keyframes etl-pulse { to { opacity: .45; } }
.etl-room svg text.sign { font-size: 11px; font-weight: 700; fill: #fff; pointer-events: none; } .etl-room svg text.sign.missing, .etl-room svg text.sign.waiting, .etl-room svg text.sign.running { fill: #16181d; }
.etl-room svg text.sign.missing { fill: var(--ink); }
.etl-room svg text.sign.out { fill: var(--fill); font-size: 13px; stroke: var(--card); stroke-width: 3px; paint-order: stroke; } .etl-room svg text.sign-above { fill: var(--blocked); font-weight: 700; }
.etl-room svg rect.bar.crashed { fill: color-mix(in srgb, var(--crashed) 25%, transparent); stroke: var(--crashed); stroke-width: 1.5; }
.etl-room svg line { stroke: var(--line); } .etl-room svg line.now { stroke: var(--ink); stroke-width: 1.5; } .etl-room svg line.gap { stroke: var(--waiting); stroke-width: 2; stroke-dasharray: 5 4; }
.etl-room svg line.usual { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 6 4; } .etl-room svg line.hatch { stroke: #9fd4f5; stroke-width: 1.4; } .etl-room svg rect.stage-transform { fill: url(#etl-hatch); }
.etl-room svg pattern rect.stage-transform { fill: #0072b2; }
.etl-room svg rect.band { fill: var(--ok); opacity: .55; } .etl-room svg rect.band.paused { fill: none; stroke: var(--waiting); stroke-dasharray: 4 3; opacity: 1; }
.etl-room svg text.waiting-mark { fill: var(--waiting); font-size: 15px; } .etl-room svg text.event { font-size: 14px; font-weight: 700; paint-order: stroke; stroke: var(--card); stroke-width: 3px; }
.etl-room .etl-runs-and { display: grid; grid-template-columns: minmax(0, 1.25fr) minmax(0, 1fr); gap: 10px; align-items: stretch; overflow: visible; }
.etl-room .etl-two { display: grid; grid-template-columns: minmax(0, 1.25fr) minmax(0, 1fr); gap: 10px; overflow: visible; }
.etl-room .room-runs { position: relative; overflow: visible; } .etl-room .room-runs-table { flex: 1 1 auto; width: 100%; }
.etl-room table.etl-runs { border-collapse: collapse; width: 100%; margin: 0; font-size: 12.5px; table-layout: auto; color: var(--ink); border: 0; }
.etl-room table.etl-runs th { height: 28px; padding: 0 8px; text-align: left; font-weight: 500; color: var(--faint); background: none; border: 0; white-space: nowrap; }
.etl-room table.etl-runs td { height: 30px; box-sizing: border-box; padding: 0 8px; border: 0; border-top: 1px solid var(--line); text-align: left; white-space: nowrap; background: none; max-width: 190px; overflow: hidden; text-overflow: ellipsis; }
.etl-room table.etl-runs td.n { font-variant-numeric: tabular-nums; } .etl-room table.etl-runs tr, .etl-room table.etl-runs tr:hover { background: none; }
.etl-room table.etl-runs tr.selected { background: color-mix(in srgb, var(--loaded) 14%, transparent); }
.etl-room table.etl-runs code { font-size: 12px; background: none; color: var(--faint); padding: 0; }
.etl-room .room-rows { position: absolute; inset: 28px 0 auto 0; overflow: visible; }
.etl-room .room-rows .jupyter-button { height: 30px; width: 100%; border: 0; border-radius: 5px; background: transparent; color: transparent; padding: 0; font-size: 1px; overflow: hidden; }
.etl-room .room-rows .jupyter-button:hover:enabled { background: color-mix(in srgb, var(--loaded) 10%, transparent); color: transparent; }
.etl-room .room-rows .jupyter-button:disabled { opacity: 0; }
.etl-room .etl-pill { display: inline-block; border-radius: 99px; padding: 1px 9px; font-size: 12px; line-height: 18px; border: 1px solid color-mix(in srgb, var(--fill) 65%, transparent); background: color-mix(in srgb, var(--fill) 16%, transparent); }
.etl-room .etl-pill i { font-style: normal; font-weight: 700; color: var(--fill); margin-right: 5px; }
.etl-room .room-autopsy { margin-top: 8px; } .etl-room .room-autopsy .widget-html-content > div > div { border: 0 !important; padding: 0 !important; max-width: none !important; }
.etl-room .etl-autopsy-card { max-height: 560px; overflow: auto; scrollbar-width: thin; } .etl-room .etl-hint { color: var(--faint); padding: 12px 4px; }
.etl-room .etl-log { max-height: 300px; overflow: auto; font-size: 12px; } .etl-room .etl-log > div { display: flex; gap: 10px; padding: 2px 0; border-top: 1px solid var(--line); }
.etl-room .etl-log time { color: var(--faint); flex: none; font-variant-numeric: tabular-nums; } .etl-room .etl-log b { flex: 0 0 120px; font-weight: 600; } .etl-room .etl-log span { overflow-wrap: anywhere; }
.etl-room .jupyter-widget-Collapse { border: 1px solid var(--line); border-radius: 10px; overflow: hidden; background: var(--card); }
.etl-room .jupyter-widget-Collapse-header { background: var(--card); border: 0; color: var(--ink); font-size: 13px; padding: 8px 12px; } .etl-room .jupyter-widget-Collapse-contents { background: var(--card); border: 0; color: var(--ink); padding: 4px 12px 10px; }
.etl-room.jupyter-widgets-disconnected::before { content: "The kernel of this panel has ended: what it shows is from before. Run its cell again."; display: block; font: 600 14px var(--jp-ui-font-family, sans-serif);
  color: var(--ink); background: color-mix(in srgb, var(--blocked) 18%, var(--card)); border: 1px solid var(--blocked); border-radius: 8px; padding: 10px 14px; }
.etl-room .jupyter-widgets-disconnected::before { display: none !important; content: none !important; }
.etl-room.jupyter-widgets-disconnected > :not(.room-style) { opacity: .45; filter: grayscale(.7); pointer-events: none; }
@container room (max-width: 1290px) { .etl-room .etl-tools { grid-auto-flow: row; grid-template-columns: repeat(2, minmax(0, 1fr)); } }
@container room (max-width: 1180px) { .etl-room .etl-cards { grid-template-columns: repeat(6, minmax(0, 1fr)); } .etl-room .etl-cards > .etl-card { grid-column: span 2; }
  .etl-room .etl-cards > .etl-card:nth-child(n+4) { grid-column: span 3; } .etl-room .etl-cards > .room-type:nth-child(n) { grid-column: 1 / -1; } }
@container room (max-width: 1240px) { .etl-room table.etl-runs :is(td, th):is(:nth-child(3), :nth-child(9)) { display: none; } }
@container room (max-width: 980px) { .etl-room table.etl-runs :is(td, th):is(:nth-child(3), :nth-child(9)) { display: table-cell; } .etl-room .etl-autopsy-card { max-height: none; } .etl-room .etl-runs-and, .etl-room .etl-two { grid-template-columns: minmax(0, 1fr); } }
@container room (max-width: 700px) { .etl-room .etl-tools { grid-template-columns: minmax(0, 1fr); } .etl-room .etl-cards { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
  .etl-room .etl-cards > .etl-card, .etl-room .etl-cards > .etl-card:nth-child(n+4) { grid-column: auto; } .etl-room .etl-cards > .room-type:nth-child(n) { grid-column: 1 / -1; }
  .etl-room table.etl-runs :is(td, th):is(:nth-child(3), :nth-child(9)) { display: none; }
  .etl-room .etl-days { width: 66px; } }
@media (prefers-reduced-motion: reduce) { .etl-room svg rect.cell.running { animation: none; } }
"""  # noqa: E501
