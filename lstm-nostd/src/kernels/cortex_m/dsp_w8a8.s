@ What int8 activations need beside `dsp.s`; `dsp.rs` explains it.
@
@ r1 points to the words of `dsp::Widened`:
@ first and past the last byte of the layer input, the same of the hidden state, n, bytes of the copy.

@ Four bytes from \src at a time to int16 at r2, times 2^n: n is in r12, 128 * 2^n in both halves of lr.
.macro lstm_widen src, end
    b       2f
1:
    ldr     r1, [\src], #4
    eor     r1, r1, #0x80808080
    uxtb16  r3, r1
    uxtb16  r1, r1, ror #8
    lsl     r3, r3, r12
    lsl     r1, r1, r12
    usub16  r3, r3, lr
    usub16  r1, r1, lr
    pkhbt   r9, r3, r1, lsl #16
    pkhtb   r1, r1, r3, asr #16
    strd    r9, r1, [r2], #8
2:
    cmp     \src, \end
    bne     1b
.endm

@ r3 to what the frame at r0 has at \at as a distance from the copy.
.macro lstm_based at
    ldr     r3, [r0, #\at]
    add     r3, r3, r2
    str     r3, [r0, #\at]
.endm

    @ Widens the activations to a copy on the stack, and makes a step with that copy.
    lstm_function lstm_nostd_dsp_w8a8_step
    push    {r4-r10, lr}
    mov     r4, sp
    ldmia   r1, {r5-r8, r10, r12}
    sub     sp, sp, r12
    mov     r2, sp
    lstm_based X
    lstm_based X_END
    lstm_based H
    lstm_based H_END
    mov     r12, #0
    mov     lr, #0x00800080
    lstm_widen r5, r6
    mov     r12, r10
    mov     lr, #0x00800080
    lsl     lr, lr, r12
    lstm_widen r7, r8
    bl      lstm_nostd_dsp_step
    mov     sp, r4
    pop     {r4-r10, pc}

    @ (H): the sum with the other sign, so that two saturations hold both ends to 127.
    .p2align 2
    lstm_place lstm_nostd_dsp_w8a8_tail
    ldrd    r1, r12, [sp, #NARROW]
    mls     r5, r5, r11, r1
    asr     r5, r5, r12
    ssat    r5, #8, r5
    rsb     r5, r5, #0
    ssat    r5, #8, r5
    strb    r5, [r10], #1
    stmia   sp, {r7, r8, r9, r10}
    ldr     r1, [sp, #CELL_END]
    cmp     r9, r1
    beq.w   lstm_nostd_dsp_end
    ldr     pc, [sp, #UNIT]
    lstm_end lstm_nostd_dsp_w8a8_step
