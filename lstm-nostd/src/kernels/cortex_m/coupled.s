@ An LSTM layer with coupled gates on ARMv7-M, with or without the DSP extension: what follows from the sums of its rows.
@ `coupled.rs` explains it.
@
@ r0 points to `coupled::Frame`:
    .equ K_TABLES, 0        @ sigmoid, then tanh at 512
    .equ K_GATES, 4         @ running pointers, to biases and multipliers of six words
    .equ K_SUMS, 8
    .equ K_CELL, 12
    .equ K_NEXT, 16
    .equ K_PEEPHOLES, 20    @ running pointer
    .equ K_HALF, 24         @ rounding of i*g
    .equ K_SHIFT, 28        @ its shift
    .equ K_SQUASH, 32       @ 2^(13+m): the cell times it, upper word, is Q3.12
    .equ K_NARROW, 36       @ (H) of int8: what o*tanh is taken from, and a shift
    .equ K_END, 44          @ past the last cell

@ Units whose new hidden state has \bytes bytes, with peepholes or without. r4 tables, r6 gates, r7 sums, r8 frame, r9 cell, r10 next.
.macro lstm_coupled name, bytes, peepholes
    lstm_function \name
    push    {r4-r11, lr}
    lstm_part rest
    mov     r8, r0
    ldmia   r0, {r4, r6, r7, r9, r10}
1:
    ldmia   r7!, {r0, r1, r2}
    ldmia   r6!, {r3, r5, r11}
    add     r0, r0, r3
    add     r1, r1, r5
    add     r2, r2, r11
    @ (UB)
    .if \peepholes
    ldr     r5, [r8, #K_PEEPHOLES]
    ldr     r3, [r9]
    lstm_narrow lr, r3
    ldrsh   r3, [r5]
    mla     r0, r3, lr, r0
    .endif
    ldmia   r6!, {r3, r5, r11}
    lstm_mul_high r0, r3
    lstm_mul_high r1, r5
    lstm_sigmoid r0, r3, r5, r12, r4
    lstm_tanh r1, r3, r5, r12, r4
    @ (UC), (C)
    ldr     r12, [r9]
    rsb     r3, r0, #0x8000
    lsl     r3, r3, #16
    lstm_mul_high r12, r3
    ldrd    r3, r5, [r8, #K_HALF]
    mla     r0, r0, r1, r3
    asr     r0, r0, r5
    lstm_add_double r12, r0, r12
    str     r12, [r9], #4
    @ (UB) of o
    .if \peepholes
    ldr     r3, [r8, #K_PEEPHOLES]
    lstm_narrow lr, r12
    ldrsh   r5, [r3, #2]
    add     r3, r3, #4
    str     r3, [r8, #K_PEEPHOLES]
    mla     r2, r5, lr, r2
    .endif
    lstm_mul_high r2, r11
    lstm_sigmoid r2, r3, r5, r0, r4
    @ (D)
    ldr     r3, [r8, #K_SQUASH]
    lstm_mul_high r12, r3
    lstm_tanh r12, r3, r5, r0, r4
    .if \bytes == 2
    mov     r3, #0x4000
    mla     r2, r2, r12, r3
    asr     r2, r2, #15
    strh    r2, [r10], #2
    .else
    @ (H): two saturations of opposite signs hold both ends to 127.
    ldrd    r3, r5, [r8, #K_NARROW]
    mls     r2, r2, r12, r3
    asr     r2, r2, r5
    ssat    r2, #8, r2
    rsb     r2, r2, #0
    ssat    r2, #8, r2
    strb    r2, [r10], #1
    .endif
    ldr     r3, [r8, #K_END]
    cmp     r9, r3
    bne     1b
    pop     {r4-r11, pc}
    lstm_end \name
.endm
    lstm_coupled lstm_nostd_coupled_int16, 2, 0
    lstm_coupled lstm_nostd_coupled_int8, 1, 0
    lstm_coupled lstm_nostd_coupled_peepholes_int16, 2, 1
    lstm_coupled lstm_nostd_coupled_peepholes_int8, 1, 1
