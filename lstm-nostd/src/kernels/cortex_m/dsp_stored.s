@ Sums of groups of rows to memory, beside `dsp.s`; `stored.rs` explains it.

    .pushsection .text.lstm_nostd_dsp_stored, "ax", %progbits
    @ The last one or two of the hidden state, 32 bytes
    .p2align 2
    lstm_place lstm_nostd_dsp_pairs_h_half_stored
    lstm_part products
    lstm_half_block
    lstm_part rest
    lstm_rows_of_pairs
    lstm_place lstm_nostd_dsp_stored
    lstm_part rest
    ldrd    r7, r8, [sp, #S_AT]
    stmia   r7!, {r0, r2, r3, r5}
    str     r7, [sp, #S_AT]
    cmp     r7, r8
    it      ne
    ldrne   pc, [sp, #UNIT]
    b.w     lstm_nostd_dsp_end
    .size   lstm_nostd_dsp_stored, . - lstm_nostd_dsp_stored
    .popsection

    @ 36 bytes
    lstm_function lstm_nostd_dsp_nibbles_h_half_stored
    lstm_part products
    lstm_nibble_half_block
    lstm_part rest
    lstm_rows_of_nibbles
    b.w     lstm_nostd_dsp_stored
    lstm_end lstm_nostd_dsp_nibbles_h_half_stored

@ \d = \a + 2 * \b, held to the nearest end.
.macro lstm_add_double d, a, b
    qdadd   \d, \a, \b
.endm
