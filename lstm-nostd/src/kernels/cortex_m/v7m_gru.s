@ Sums of groups of rows to memory, beside `v7m.s`; `stored.rs` explains it.

    lstm_function lstm_nostd_v7m_stored_sums
    lstm_part rest
    str     r12, [sp, #WEIGHTS]
    ldrd    r0, r1, [sp, #S_AT]
    stmia   r0!, {r4-r7}
    str     r0, [sp, #S_AT]
    cmp     r0, r1
    bne.w   lstm_nostd_v7m_rows
    b.w     lstm_nostd_v7m_end
    lstm_end lstm_nostd_v7m_stored_sums

@ \d = \a + 2 * \b, held to the nearest end.
.macro lstm_add_double d, a, b
    adds    \d, \a, \b, lsl #1
    bvc     2f
    asr     \d, \d, #31
    eor     \d, \d, #0x80000000
2:
.endm
