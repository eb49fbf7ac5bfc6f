# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Colors, fonts and style sheet of the app. Nothing is fetched from the network."""

import gradio as gr

# Darker than Gradio's own teal, for contrast.
TEAL = "#f0fdfa #ccfbf1 #99f6e4 #5eead4 #0d9488 #0f766e #0f766e #115e59 #134e4a #134e4a #042f2e".split()
THEME = gr.themes.Soft(
    primary_hue=gr.themes.Color(*TEAL, name="dark-teal"),
    # Fonts of the system.
    font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
    font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"],
)

CSS = """
.block .html-container {padding: 0}
.block.ib-slot:not(:has(.html-container > div > *)) {display: none}
.image-frame img {min-height: 140px; object-fit: contain}
.dark button[role=tab][aria-selected=true] {color: #5eead4}
.ib-about {display: grid; grid-template-columns: max-content 1fr; gap: 2px 14px; margin: 0; font-size: 14px}
.ib-about dt {font-weight: 600; color: var(--body-text-color)}
.ib-about dd {margin: 0; color: var(--body-text-color); overflow-wrap: anywhere}
.ib-error {border: 1px solid #d9480f; border-left-width: 5px; border-radius: 8px; padding: 10px 14px; margin: 4px 0;
  background: var(--block-background-fill); color: var(--body-text-color); overflow-wrap: anywhere}
#answer-message:has(.ib-error) + #answer {display: none}

/* One item: text, image, or a button that plays it */
.ib-thumb {display: block; border-radius: 8px; object-fit: cover; width: 52px; height: 52px; margin: 0 auto}
.ib-words {display: inline-block; max-width: 130px; font-size: 13px; line-height: 1.25; overflow-wrap: anywhere;
  color: var(--body-text-color)}
.ib-play {position: relative; display: inline-block; padding: 0; border: 0; border-radius: 8px; cursor: pointer;
  line-height: 0; background: none}
.ib-play::after {content: "\\25B6"; position: absolute; right: 3px; bottom: 3px; width: 18px; height: 18px;
  border-radius: 50%; background: rgba(0, 0, 0, 0.65); color: #fff; font: 9px/18px system-ui; text-align: center}
.ib-play.on::after {content: "\\23F8"; background: #d9480f}
.ib-play:focus-visible, .ib-examples button:focus-visible {outline: 3px solid var(--color-accent)}

.ib-examples {display: flex; flex-wrap: wrap; gap: 6px; align-items: center; margin: 0; padding: 2px}
.ib-examples button {border: 1px solid var(--border-color-primary); border-radius: 10px; padding: 2px; cursor: pointer;
  background: var(--block-background-fill)}
.ib-examples button:hover {border-color: var(--color-accent)}
.ib-examples .ib-thumb {width: 40px; height: 40px}
.ib-examples .ib-words {max-width: none; padding: 3px 8px}
.ib-examples span.ib-label {font-size: 13px; color: var(--body-text-color); opacity: 0.85}

.ib-scroll {overflow-x: auto; padding: 2px}
.ib-matrix {border-collapse: separate; border-spacing: 3px; margin: 0 auto; padding: 0}
.ib-matrix th {font-weight: 500; padding: 2px; vertical-align: bottom; text-align: center}
.ib-matrix th[scope=row] {position: sticky; left: 0; background: var(--background-fill-primary); z-index: 1;
  vertical-align: middle}
.ib-matrix td {width: 58px; min-width: 42px; height: 58px; padding: 0; border-radius: 8px; text-align: center;
  font-variant-numeric: tabular-nums; font-size: 14px}
.ib-matrix td.best {outline: 3px solid #e8590c; outline-offset: -1px; font-weight: 700}
.ib-note {text-align: center; font-size: 14px; color: var(--body-text-color); opacity: 0.85; margin-top: 8px}
.ib-hint {display: none; text-align: center; font-size: 13px; color: var(--body-text-color)}

.ib-sections {display: grid; gap: 4px 22px; grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr))}
.ib-hits {display: grid; gap: 8px; grid-template-columns: repeat(3, minmax(0, 1fr)); margin: 0 0 10px; padding: 0;
  list-style: none}
.ib-hits li {border: 1px solid var(--border-color-primary); border-radius: 12px; padding: 8px; margin: 0; min-width: 0;
  text-align: center; background: var(--block-background-fill)}
.ib-hits .ib-thumb {width: 88px; height: 88px}
.ib-hits .ib-words {font-size: 14px; min-height: 40px}
.ib-hits small, .ib-hits b {display: block}
.ib-hits small {overflow-wrap: anywhere; color: var(--body-text-color); opacity: 0.85}
.ib-title {font-weight: 600; margin: 10px 0 6px}
.ib-preview {text-align: center}
.ib-preview .ib-thumb {width: 128px; height: 128px}

@media (max-width: 640px) {
  /* The result comes first: it is filled when the page opens. */
  #compare-result {order: -1}
  .ib-matrix {border-spacing: 2px}
  .ib-matrix th {padding: 0}
  .ib-matrix td {width: 33px; min-width: 33px; height: 33px; font-size: 11px; border-radius: 5px}
  .ib-matrix td.best {outline-width: 2px}
  .ib-matrix .ib-thumb {width: 32px; height: 32px; border-radius: 5px}
  .ib-matrix .ib-play::after {width: 14px; height: 14px; font: 7px/14px system-ui; right: 1px; bottom: 1px}
  .ib-matrix th[scope=col] .ib-words {writing-mode: vertical-rl; transform: rotate(180deg); max-height: 150px}
  .ib-matrix th[scope=row] .ib-words {max-width: 84px; font-size: 12px}
  .ib-hint {display: block}
  .ib-hits li {padding: 6px 4px}
  .ib-hits .ib-thumb {width: 76px; height: 76px}
}
"""
