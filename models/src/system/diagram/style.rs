//! How the shapes of a diagram look on the Explorer's dark ground.

/// Classes begin with `quorate-`: the Explorer's page has its own. The first rule is for that page: without
/// it a wide diagram does not scroll, but goes below everything else.
pub const STYLE: &str = "
.main-flex-right { min-width: 0; }
.quorate-diagram { font: 11px 'DejaVu Sans Mono', 'Liberation Mono', Menlo, Consolas, monospace; }
.quorate-diagram text { fill: #e7ecef; stroke: #142b46; stroke-width: 4px; paint-order: stroke;
  stroke-linejoin: round; dominant-baseline: central; }
.quorate-diagram line, .quorate-diagram path, .quorate-diagram circle { fill: none;
  stroke-linecap: round; stroke-linejoin: round; }
.quorate-diagram .quorate-name { font-weight: bold; text-anchor: middle; }
.quorate-diagram .quorate-number { text-anchor: middle; fill: #8098ad; font-size: 10px; }
.quorate-diagram .quorate-step { text-anchor: end; fill: #8098ad; font-size: 10px; }
.quorate-diagram .quorate-rule { stroke: #1f3d5c; }
.quorate-diagram .quorate-lane { stroke: #5d7f9b; stroke-width: 2; }
.quorate-diagram .quorate-down { stroke: #ff6b6b; stroke-width: 1.5; stroke-dasharray: 2 6; opacity: 0.7; }
.quorate-diagram .quorate-activity { fill: #5d7f9b; }
.quorate-diagram .quorate-message { stroke: #8fc7ff; stroke-width: 1.5; }
.quorate-diagram .quorate-head { fill: #8fc7ff; stroke: none; }
.quorate-diagram .quorate-application, .quorate-diagram .quorate-request { stroke: #cdb4ff; stroke-width: 1.5; stroke-dasharray: 1 4; }
.quorate-diagram .quorate-request-head { fill: #cdb4ff; stroke: none; }
.quorate-diagram text.quorate-request-text { fill: #cdb4ff; }
.quorate-diagram .quorate-drop { stroke: #ff9f5a; stroke-width: 1.5; stroke-dasharray: 5 4; }
.quorate-diagram .quorate-drop-end { stroke: #ff9f5a; stroke-width: 2.5; }
.quorate-diagram text.quorate-drop-text { fill: #ff9f5a; }
.quorate-diagram .quorate-crash { stroke: #ff6b6b; stroke-width: 4; }
.quorate-diagram text.quorate-crash-text { fill: #ff6b6b; font-weight: bold; }
.quorate-diagram .quorate-recovery { stroke: #5fe3e3; stroke-width: 3; fill: #142b46; }
.quorate-diagram text.quorate-recovery-text { fill: #5fe3e3; font-weight: bold; }
.quorate-diagram .quorate-timeout { stroke: #f2e27a; stroke-width: 1.5; fill: #142b46; }
.quorate-diagram text.quorate-timeout-text { fill: #f2e27a; }
.quorate-diagram .quorate-partition { stroke: #ff6b6b; stroke-width: 2; stroke-dasharray: 10 4; }
.quorate-diagram text.quorate-partition-text { fill: #ff6b6b; font-weight: bold; }
.quorate-diagram .quorate-healing { stroke: #5fe3e3; stroke-width: 2; stroke-dasharray: 10 4; }
.quorate-diagram text.quorate-healing-text { fill: #5fe3e3; font-weight: bold; }
.quorate-diagram .quorate-stabilisation { stroke: #7ee0c0; stroke-width: 2; stroke-dasharray: 10 4; }
.quorate-diagram text.quorate-stabilisation-text { fill: #7ee0c0; font-weight: bold; }
.quorate-diagram .quorate-flush { stroke: #e7ecef; fill: #4f7ea8; }
.quorate-diagram .quorate-durable { stroke: #bcd; fill: #4f7ea8; }
.quorate-diagram text.quorate-durable-text { fill: #bcd; }
.quorate-diagram .quorate-written { stroke: #8098ad; stroke-dasharray: 2 2; }
.quorate-diagram text.quorate-written-text { fill: #8098ad; font-style: italic; }
.quorate-diagram .quorate-lost { stroke: #ff9f5a; stroke-width: 2; }
.quorate-diagram text.quorate-lost-text { fill: #ff9f5a; }
.quorate-diagram .quorate-told { fill: #fff9d1; }
.quorate-diagram text.quorate-told-text { fill: #fff9d1; }
.quorate-diagram .quorate-commit { fill: #7ee08a; }
.quorate-diagram text.quorate-commit-text { fill: #7ee08a; font-weight: bold; }
.quorate-diagram .quorate-abort { fill: #ff8f8f; }
.quorate-diagram text.quorate-abort-text { fill: #ff8f8f; font-weight: bold; }
.quorate-diagram .quorate-in-flight { stroke: #8fc7ff; stroke-width: 1.5; stroke-dasharray: 3 3; opacity: 0.6; }
.quorate-diagram .quorate-in-flight-head { fill: #8fc7ff; opacity: 0.6; }
.quorate-diagram text.quorate-in-flight-text { fill: #8fc7ff; opacity: 0.7; font-style: italic; }
";
