/* verilator lint_off DECLFILENAME */
// Declarations of the Xilinx cells that tr_adders.sv and tr_ram.sv name, for synthesisers that read them with the design (UG953). Not
// in files.txt: Vivado has its own, and simulation uses the behavioural form.

(* blackbox *)
module LUT6 #(
    parameter bit [63:0] INIT = 64'd0
) (
    input  logic I0,
    input  logic I1,
    input  logic I2,
    input  logic I3,
    input  logic I4,
    input  logic I5,
    output logic O
);
endmodule

(* blackbox *)
module LUT4 #(
    parameter bit [15:0] INIT = 16'd0
) (
    input  logic I0,
    input  logic I1,
    input  logic I2,
    input  logic I3,
    output logic O
);
endmodule

(* blackbox *)
module LUT5 #(
    parameter bit [31:0] INIT = 32'd0
) (
    input  logic I0,
    input  logic I1,
    input  logic I2,
    input  logic I3,
    input  logic I4,
    output logic O
);
endmodule

(* blackbox *)
module RAM32M (
    input  logic       WCLK,
    input  logic       WE,
    input  logic [4:0] ADDRA,
    input  logic [4:0] ADDRB,
    input  logic [4:0] ADDRC,
    input  logic [4:0] ADDRD,
    input  logic [1:0] DIA,
    input  logic [1:0] DIB,
    input  logic [1:0] DIC,
    input  logic [1:0] DID,
    output logic [1:0] DOA,
    output logic [1:0] DOB,
    output logic [1:0] DOC,
    output logic [1:0] DOD
);
endmodule

(* blackbox *)
module MUXF7 (
    input  logic I0,
    input  logic I1,
    input  logic S,
    output logic O
);
endmodule

(* blackbox *)
module LUT6_2 #(
    parameter bit [63:0] INIT = 64'd0
) (
    input  logic I0,
    input  logic I1,
    input  logic I2,
    input  logic I3,
    input  logic I4,
    input  logic I5,
    output logic O5,
    output logic O6
);
endmodule

(* blackbox *)
module CARRY4 (
    input  logic       CI,
    input  logic       CYINIT,
    input  logic [3:0] DI,
    input  logic [3:0] S,
    output logic [3:0] O,
    output logic [3:0] CO
);
endmodule

(* blackbox *)
module DSP48E1 #(
    parameter USE_MULT = "MULTIPLY",
    parameter USE_DPORT = "FALSE",
    parameter USE_SIMD = "ONE48",
    parameter int AREG = 1,
    parameter int BREG = 1,
    parameter int CREG = 1,
    parameter int DREG = 1,
    parameter int ADREG = 1,
    parameter int MREG = 1,
    parameter int PREG = 1,
    parameter int ACASCREG = 1,
    parameter int BCASCREG = 1,
    parameter int INMODEREG = 1,
    parameter int OPMODEREG = 1,
    parameter int ALUMODEREG = 1,
    parameter int CARRYINREG = 1,
    parameter int CARRYINSELREG = 1
) (
    input  logic        CLK,
    input  logic [29:0] A,
    input  logic [17:0] B,
    input  logic [47:0] C,
    input  logic [24:0] D,
    input  logic [ 6:0] OPMODE,
    input  logic [ 3:0] ALUMODE,
    input  logic [ 4:0] INMODE,
    input  logic        CARRYIN,
    input  logic [ 2:0] CARRYINSEL,
    input  logic        CEA1,
    input  logic        CEA2,
    input  logic        CEB1,
    input  logic        CEB2,
    input  logic        CEC,
    input  logic        CED,
    input  logic        CEAD,
    input  logic        CEM,
    input  logic        CEP,
    input  logic        CECTRL,
    input  logic        CEALUMODE,
    input  logic        CECARRYIN,
    input  logic        CEINMODE,
    input  logic        RSTA,
    input  logic        RSTB,
    input  logic        RSTC,
    input  logic        RSTD,
    input  logic        RSTM,
    input  logic        RSTP,
    input  logic        RSTCTRL,
    input  logic        RSTALUMODE,
    input  logic        RSTALLCARRYIN,
    input  logic        RSTINMODE,
    input  logic [47:0] PCIN,
    output logic [47:0] PCOUT,
    output logic [47:0] P
);
endmodule
