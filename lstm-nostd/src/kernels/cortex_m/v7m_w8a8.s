@ What int8 activations need beside `v7m.s`.

@ Four int8 activations at r7, to r1 to r4, shifted by r9.
.macro lstm_int8
    ldr     r4, [r7], #4
    sxtb    r1, r4
    sbfx    r2, r4, #8, #8
    sbfx    r3, r4, #16, #8
    asr     r4, r4, #24
    lstm_shift_left
.endm

    @ (Y1), (Y2) from r7 to r8, to r6; r9 is k.
    lstm_function lstm_nostd_v7m_int8
1:
    lstm_int8
    lstm_prepared
    cmp     r7, r8
    bne     1b
    ldrd    r7, r8, [r0, #F_H]
    ldr     r9, [r0, #F_H_SHIFT]
    b       2f
1:
    lstm_int8
    lstm_prepared
2:
    cmp     r7, r8
    bne     1b
    b.w     lstm_nostd_v7m_prepared

    @ (H): the sum with the other sign, so that two saturations hold both ends to 127.
    lstm_place lstm_nostd_v7m_int8_tail
    ldrd    r8, r9, [sp, #NARROW]
    mls     r7, r7, r12, r8
    asr     r7, r7, r9
    ssat    r7, #8, r7
    rsb     r7, r7, #0
    ssat    r7, #8, r7
    strb    r7, [r3], #1
    b.w     lstm_nostd_v7m_stored
    lstm_end lstm_nostd_v7m_int8
