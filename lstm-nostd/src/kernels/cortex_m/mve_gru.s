@ A GRU layer for cores with Helium (MVE); `mve_gru.rs` explains it. The macros of groups, of splitting and of σ and tanh
@ are those of `mve.s`.
@
@ Sums of groups of rows: r0 points to `mve_gru::Job`:
    .equ J_WEIGHTS, 0
    .equ J_X, 4
    .equ J_INPUTS, 8
    .equ J_PLANE, 12        @ bytes of a plane
    .equ J_ENTRY, 16        @ bytes into the loop
    .equ J_SHIFT, 20
    .equ J_SUMS, 24         @ where they go, and the end

@ The stack holds, below the planes:
    .equ L_LOW, 0           @ the first plane
    .equ L_ENTRY, 4
    .equ L_SHIFT, 8
    .equ L_START, 12        @ (N3)
    .equ L_END, 16          @ of the planes
    .equ L_FIXED, 24

@ Groups whose macro is \group. \kind is 0 for int8 weights and int16 activations, 1 for int4 weights, 2 for int8
@ activations. r1 walks the weights, r9 is the end of the first plane, r7 walks the sums, whose end is r11.
.macro lstm_stored name, group, kind
    lstm_function \name
    push    {r4-r11, lr}
    sub     sp, sp, #4
    vpush   {d8-d11}
    mov     r10, r0
    mov     r8, sp
    ldmia   r10, {r0, r1, r2, r7}
    lstm_room \kind, L_FIXED, L_LOW, L_END
    lstm_planes \kind, L_START
    .if \kind == 1
    vmov.i8 q4, #0xf0
    .endif
    ldrd    r3, r4, [r10, #J_ENTRY]
    adr.w   r1, .Llstm_stored_loop\@
    add     r3, r3, r1
    orr     r3, r3, #1
    strd    r3, r4, [sp, #L_ENTRY]
    ldrd    r7, r11, [r10, #J_SUMS]
    mov     r1, r0
.Llstm_stored_group\@:
    lstm_part products
    ldr     r3, [sp, #L_LOW]
    .if \kind < 2
    mov     r5, r9
    .endif
    \group
    ldr     pc, [sp, #L_ENTRY]
    .p2align 2
.Llstm_stored_loop\@:
    .rept 3
    \group a
    .endr
    cmp.w   r3, r9
    bne.w   .Llstm_stored_loop\@
    lstm_part rest
    lstm_put_together \kind, L_START
    ldr     r3, [sp, #L_SHIFT]
    cbnz    r3, 4f
    stmia   r7!, {r0, r2, r4, r6}
3:
    cmp     r7, r11
    bne.w   .Llstm_stored_group\@
    ldr     r0, [sp, #L_END]
    mov     sp, r0
    vpop    {d8-d11}
    add     sp, sp, #4
    pop     {r4-r11, pc}
4:
    vmov    q0[2], q0[0], r0, r4
    vmov    q0[3], q0[1], r2, r6
    vshl.s32 q0, r3
    vstrw.32 q0, [r7], #16
    b       3b
    lstm_end \name
.endm
    lstm_stored lstm_nostd_mve_stored, lstm_group, 0
    lstm_stored lstm_nostd_mve_w4a16_stored, lstm_nibble_group, 1
    lstm_stored lstm_nostd_mve_w8a8_stored, lstm_byte_group, 2

@ (GA) to (GD): r0 points to the ten words of `mve_gru::Units`, then \name has
@ r0 states, r2 next, r3 gates, r4 units left, r5 negative right shift of (GD), r6 half, r7, r8 and r10, r11 tables.
@ q6 has the addresses of four units' sums with the layer input, and q7 of their gates.
    .equ M_HIDDEN, 192      @ from sums with the layer input to those with the hidden state
    .equ M_SUMS, 48         @ of four units
    .equ M_GATES, 112

@ \v = the sums \at bytes into a unit's, of layer input and hidden state, and the bias
.macro lstm_gru_sum v, at
    vldrw.u32 \v, [q6, #\at]
    vldrw.u32 q3, [q6, #M_HIDDEN+\at]
    vadd.i32 \v, \v, q3
    vldrw.u32 q3, [q7, #\at]
    vadd.i32 \v, \v, q3
    vldrw.u32 q3, [q7, #16+\at]
    vrmulh.s32 \v, \v, q3
.endm

.macro lstm_gru name, bytes
    lstm_function \name
    push    {r4-r11, lr}
    sub     sp, sp, #4
    vpush   {d8-d15}
    ldmia   r0, {r0, r1, r2, r3, r4, r5, r7, r8, r10, r11}
    lstm_part rest
    movs    r6, #0
    vidup.u32 q0, r6, #4
    movs    r6, #3
    vmul.i32 q6, q0, r6
    vadd.i32 q6, q6, r1
    movs    r6, #7
    vmul.i32 q7, q0, r6
    vadd.i32 q7, q7, r3
    mov     r6, #0x4000
    mov     r9, #M_SUMS
    mov     r12, #M_GATES
    vmov.i32 q2, #0
1:
    cmp     r4, #4
    blo     3f
2:
    lstm_gru_sum q0, 0
    lstm_sigmoid q0
    @ (GB)
    vldrw.u32 q1, [q6, #M_HIDDEN+8]
    vldrw.u32 q3, [q7, #12]
    vadd.i32 q1, q1, q3
    vshl.i32 q0, q0, #16
    vrmulh.s32 q0, q0, q1
    vshl.i32 q0, q0, #1
    vldrw.u32 q3, [q6, #8]
    vadd.i32 q0, q0, q3
    vldrw.u32 q3, [q7, #8]
    vadd.i32 q0, q0, q3
    vldrw.u32 q3, [q7, #24]
    vrmulh.s32 q0, q0, q3
    lstm_tanh q0
    vmov    q0, q4
    lstm_gru_sum q1, 4
    lstm_sigmoid q1
    @ (GC)
    vctp.32 r4
    vpst
    vldrwt.u32 q3, [r0]
    vshl.i32 q4, q1, #16
    vrmulh.s32 q3, q3, q4
    vshl.i32 q3, q3, #1
    vmul.i32 q1, q1, q0
    vshl.i32 q0, q0, #15
    vsub.i32 q0, q0, q1
    vshl.i32 q0, q0, #1
    vqadd.s32 q0, q0, q3
    vpst
    vstrwt.32 q0, [r0], #16
    @ (GD)
    .if \bytes == 2
    vqrshrnb.s32 q0, q0, #16
    vpst
    vstrht.32 q0, [r2], #8
    .else
    vrshl.s32 q0, r5
    vmov.i32 q3, #127
    vmin.s32 q0, q0, q3
    vmvn.i32 q3, #126
    vmax.s32 q0, q0, q3
    vpst
    vstrbt.32 q0, [r2], #4
    .endif
    vadd.i32 q6, q6, r9
    vadd.i32 q7, q7, r12
    subs    r4, r4, #4
    bhi.w   1b
    vpop    {d8-d15}
    add     sp, sp, #4
    pop     {r4-r11, pc}
    @ One to three units are left: the other lanes read the last one's gates.
3:
    vmov.32 r1, q7[0]
    sub     r3, r4, #1
    movs    r6, #28
    mla     r1, r3, r6, r1
    mov     r6, #0x4000
    vdup.32 q0, r1
    vmin.u32 q7, q7, q0
    b       2b
    lstm_end \name
.endm
    lstm_gru lstm_nostd_mve_gru_int16, 2
    lstm_gru lstm_nostd_mve_gru_int8, 1
