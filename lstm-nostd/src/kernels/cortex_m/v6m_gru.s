@ Sums of groups of rows to memory, beside `v6m.s`; `stored.rs` explains it.

    lstm_function lstm_nostd_v6m_stored_sums
    lstm_part rest
    str     r6, [sp, #WEIGHTS]
    ldr     r0, [sp, #S_AT]
    mov     r4, r8
    mov     r5, r9
    mov     r6, r10
    mov     r7, r11
    stmia   r0!, {r4-r7}
    str     r0, [sp, #S_AT]
    ldr     r1, [sp, #S_END]
    cmp     r0, r1
    beq     1f
    ldr     r0, [sp, #FIRST]
    bx      r0
1:
    ldr     r0, =lstm_nostd_v6m_end
    bx      r0
    .ltorg
    lstm_end lstm_nostd_v6m_stored_sums
