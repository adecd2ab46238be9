@ What int4 weights need beside `v6m.s`; `v6m.rs` explains it.

@ The last four of a row's eight products, whose word is in r0; activations in r2 to r5.
.macro lstm_upper_nibbles sum
    asrs    r1, r0, #28
    muls    r1, r5, r1
    add     \sum, r1
    asrs    r1, r0, #24
    muls    r1, r4, r1
    add     \sum, r1
    asrs    r1, r0, #20
    muls    r1, r3, r1
    add     \sum, r1
    asrs    r0, r0, #16
    muls    r0, r2, r0
    add     \sum, r0
.endm

@ The first four.
.macro lstm_lower_nibbles sum
    asrs    r1, r0, #12
    muls    r1, r5, r1
    add     \sum, r1
    asrs    r1, r0, #8
    muls    r1, r4, r1
    add     \sum, r1
    asrs    r1, r0, #4
    muls    r1, r3, r1
    add     \sum, r1
    muls    r0, r2, r0
    add     \sum, r0
.endm

    lstm_function lstm_nostd_v6m_nibbles
    lstm_part products
    mov     r7, r12
1:
    ldmia   r7!, {r2-r5}
    ldr     r0, [r6, #0]
    lstm_lower_nibbles r8
    ldr     r0, [r6, #4]
    lstm_lower_nibbles r9
    ldr     r0, [r6, #8]
    lstm_lower_nibbles r10
    ldr     r0, [r6, #12]
    lstm_lower_nibbles r11
    ldmia   r7!, {r2-r5}
    ldmia   r6!, {r0}
    lstm_upper_nibbles r8
    ldmia   r6!, {r0}
    lstm_upper_nibbles r9
    ldmia   r6!, {r0}
    lstm_upper_nibbles r10
    ldmia   r6!, {r0}
    lstm_upper_nibbles r11
    cmp     r7, lr
    bne     1b
    ldr     r0, [sp, #AFTER]
    bx      r0

    @ A row in no group, eight weights in a word, to r8.
    .p2align 2
    lstm_place lstm_nostd_v6m_nibble_row
    lstm_part products
    lstm_row_of_rest
    mov     r9, r7
    mov     r7, r2
1:
    ldmia   r6!, {r0}
    mov     r1, r9
    eors    r0, r1
    mov     r10, r0
    ldmia   r7!, {r2-r5}
    lstm_lower_nibbles r8
    mov     r0, r10
    ldmia   r7!, {r2-r5}
    lstm_upper_nibbles r8
    cmp     r7, lr
    bne     1b
    ldr     r0, =lstm_nostd_v6m_row_end
    bx      r0

    @ Blocks in the generic order, where y are x: each nibble is cut out.
    .p2align 2
    lstm_place lstm_nostd_v6m_generic_nibbles
    lstm_part products
1:
    mov     r1, r12
    ldmia   r1!, {r2-r5}
    mov     r12, r1
    ldmia   r6!, {r0, r7}
    ldr     r1, [sp, #OFFSETS]
    eors    r0, r1
    eors    r7, r1
    lsls    r1, r0, #28
    asrs    r1, r1, #28
    muls    r1, r2, r1
    add     r8, r1
    lsls    r1, r0, #12
    asrs    r1, r1, #28
    muls    r1, r3, r1
    add     r8, r1
    lsls    r1, r0, #24
    asrs    r1, r1, #28
    muls    r1, r4, r1
    add     r8, r1
    lsls    r1, r0, #8
    asrs    r1, r1, #28
    muls    r1, r5, r1
    add     r8, r1
    lsls    r1, r0, #20
    asrs    r1, r1, #28
    muls    r1, r2, r1
    add     r9, r1
    lsls    r1, r0, #4
    asrs    r1, r1, #28
    muls    r1, r3, r1
    add     r9, r1
    lsls    r1, r0, #16
    asrs    r1, r1, #28
    muls    r1, r4, r1
    add     r9, r1
    asrs    r1, r0, #28
    muls    r1, r5, r1
    add     r9, r1
    lsls    r1, r7, #28
    asrs    r1, r1, #28
    muls    r1, r2, r1
    add     r10, r1
    lsls    r1, r7, #12
    asrs    r1, r1, #28
    muls    r1, r3, r1
    add     r10, r1
    lsls    r1, r7, #24
    asrs    r1, r1, #28
    muls    r1, r4, r1
    add     r10, r1
    lsls    r1, r7, #8
    asrs    r1, r1, #28
    muls    r1, r5, r1
    add     r10, r1
    lsls    r1, r7, #20
    asrs    r1, r1, #28
    muls    r1, r2, r1
    add     r11, r1
    lsls    r1, r7, #4
    asrs    r1, r1, #28
    muls    r1, r3, r1
    add     r11, r1
    lsls    r1, r7, #16
    asrs    r1, r1, #28
    muls    r1, r4, r1
    add     r11, r1
    asrs    r1, r7, #28
    muls    r1, r5, r1
    add     r11, r1
    cmp     r12, lr
    bne     1b
    ldr     r0, [sp, #AFTER]
    bx      r0
    .ltorg

    @ (Y1), (Y2) for eight activations at a time, or four at the end; r12 keeps the fourth.
    lstm_place lstm_nostd_v6m_nibble_activations
    lstm_part rest
    b       3f
1:
    lstm_four ldrsh, 2
    mov     r12, r3
    add     r8, r3
    lstm_digits 4
    stmia   r5!, {r0-r3}
    movs    r0, #0
    movs    r1, #0
    movs    r2, #0
    movs    r3, #0
    cmp     r4, r9
    beq     2f
    lstm_four ldrsh, 2
2:
    lstm_digits 4
    mov     r6, r12
    lsls    r6, r6, #4
    subs    r0, r0, r6
    stmia   r5!, {r0-r3}
3:
    cmp     r4, r9
    bne     1b
    bx      lr

    lstm_place lstm_nostd_v6m_plain_activations
    lstm_part rest
    b       2f
1:
    lstm_four ldrsh, 2
    stmia   r5!, {r0-r3}
2:
    cmp     r4, r9
    bne     1b
    bx      lr
    lstm_end lstm_nostd_v6m_nibbles
