@ A GRU layer on ARMv7-M without the DSP extension: what follows from the sums of its rows. `gru.rs` explains it.
@
@ r0 points to `gru::Frame`:
    .equ U_TABLES, 0        @ sigmoid, then tanh at 512
    .equ U_GATES, 4         @ running pointers, to biases and multipliers of seven words
    .equ U_SUMS, 8          @ to sums with the layer input; those with the hidden state lie U_APART bytes behind
    .equ U_END, 12          @ past the last state
    .equ U_STATE, 16
    .equ U_NEXT, 20
    .equ U_SHIFT, 24        @ (GD) of int8, less one
    .equ U_APART, 192

@ Units whose new hidden state has \bytes bytes. r4 tables, r6 gates, r7 sums, r8 end, r9 state, r10 next.
.macro lstm_gru name, bytes
    lstm_function \name
    push    {r0, r4-r11, lr}
    ldmia   r0, {r4, r6, r7, r8, r9, r10}
    lstm_part rest
1:
    ldmia   r7!, {r0, r1, r2}
    ldrd    r3, r5, [r7, #U_APART-12]
    add     r0, r0, r3
    add     r1, r1, r5
    ldmia   r6!, {r3, r5, r11, r12}
    add     r0, r0, r3
    add     r1, r1, r5
    add     r2, r2, r11
    ldr     r5, [r7, #U_APART-4]
    add     r5, r5, r12
    ldrd    r3, r11, [r6], #8
    @ (GA)
    lstm_mul_high r0, r3
    lstm_mul_high r1, r11
    lstm_sigmoid r0, r3, r11, r12, r4
    lstm_sigmoid r1, r3, r11, r12, r4
    @ (GB)
    lsl     r0, r0, #16
    ldr     r3, [r6], #4
    lstm_mul_high r5, r0
    add     r2, r2, r5, lsl #1
    lstm_mul_high r2, r3
    lstm_tanh r2, r3, r11, r12, r4
    @ (GC)
    ldr     r0, [r9]
    lsl     r3, r1, #16
    rsb     r1, r1, #0x8000
    mul     r1, r1, r2
    lsl     r1, r1, #1
    lstm_mul_high r0, r3
    lstm_add_double r0, r1, r0
    str     r0, [r9], #4
    @ (GD)
    .if \bytes == 2
    lstm_narrow r0, r0
    strh    r0, [r10], #2
    .else
    ldr     r3, [sp]
    ldr     r3, [r3, #U_SHIFT]
    asr     r0, r0, r3
    add     r0, r0, #1
    ssat    r0, #8, r0, asr #1
    @ Two saturations of opposite signs hold both ends to 127.
    rsb     r0, r0, #0
    ssat    r0, #8, r0
    rsb     r0, r0, #0
    strb    r0, [r10], #1
    .endif
    cmp     r9, r8
    bne     1b
    pop     {r0, r4-r11, pc}
    lstm_end \name
.endm
    lstm_gru lstm_nostd_gru_int16, 2
    lstm_gru lstm_nostd_gru_int8, 1
