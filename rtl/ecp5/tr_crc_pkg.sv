// CRC-32 of IEEE 802.3, a byte at a time, in the reflected form.
package tr_crc_pkg;
  localparam logic [31:0] CrcStart = '1;
  localparam logic [31:0] CrcResidue = 32'hdebb20e3;  // of the register behind data and their CRC

  // The register after one more byte.
  function automatic logic [31:0] crc_after(input logic [31:0] register, input logic [7:0] data);
    crc_after = register ^ 32'(data);
    for (int i = 0; i < 8; i++) crc_after = {1'b0, crc_after[31:1]} ^ (crc_after[0] ? 32'hedb88320 : 32'd0);
  endfunction
endpackage
