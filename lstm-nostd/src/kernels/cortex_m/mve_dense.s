@ Groups of rows of a dense layer for cores with Helium (MVE); `mve_dense.rs` explains it. The macros of groups are
@ those of `mve.s`.
@
@ r0 points to `mve_dense::Job`:
    .equ D_WEIGHTS, 0
    .equ D_X, 4
    .equ D_INPUTS, 8
    .equ D_PLANE, 12        @ bytes of a plane
    .equ D_KEPT, 16         @ five words

@ The stack holds, below the planes:
    .equ K_ROWS, 0          @ running pointer to biases and multipliers
    .equ K_LEFT, 4          @ rows
    .equ K_Y, 8             @ running pointer to outputs
    .equ K_SHIFT, 12
    .equ K_STORE, 16        @ where outputs are stored
    .equ K_LOW, 20          @ the first plane
    .equ K_START, 24        @ (N3)
    .equ K_END, 28          @ of the planes
    .equ K_GROUP, 32        @ where a group begins
    .equ K_FIXED, 40

@ Groups whose macro is \group. \kind is 0 for int8 weights and int16 activations, 1 for int4 weights, 2 for int8
@ activations. r1 walks the weights, r9 is the end of the first plane. The sums go to r0, r2, r4 and r6.
.macro lstm_dense name, group, kind
    lstm_function \name
    push    {r4-r11, lr}
    sub     sp, sp, #4
    vpush   {d8-d11}
    mov     r8, sp
    ldmia   r0!, {r1, r2, r3, r7}
    mov     r11, r1
    lstm_room \kind, K_FIXED, K_LOW, K_END
    mov     r1, r2
    mov     r2, r3
    ldmia   r0, {r3, r4, r5, r8, r10}
    stmia   sp, {r3, r4, r5, r8, r10}
    adr.w   r3, .Llstm_dense\@
    orr     r3, r3, #1
    str     r3, [sp, #K_GROUP]
    lstm_planes \kind, K_START
    mov     r1, r11
    .p2align 2
.Llstm_dense\@:
    lstm_part products
    ldr     r3, [sp, #K_LOW]
    .if \kind < 2
    mov     r5, r9
    .endif
    .if \kind == 1
    vmov.i8 q4, #0xf0
    .endif
    \group
    b       2f
1:
    \group a
2:
    cmp     r3, r9
    bne     1b
    lstm_put_together \kind, K_START
    lstm_part rest
    b.w     lstm_nostd_mve_dense_finish
    lstm_end \name
.endm
    lstm_dense lstm_nostd_mve_dense, lstm_group, 0
    lstm_dense lstm_nostd_mve_w4a16_dense, lstm_nibble_group, 1
    lstm_dense lstm_nostd_mve_w8a8_dense, lstm_byte_group, 2

    @ (E) of up to four rows, whose sums are in r0, r2, r4 and r6.
    lstm_function lstm_nostd_mve_dense_finish
    vmov    q0[2], q0[0], r0, r4
    vmov    q0[3], q0[1], r2, r6
    ldmia   sp, {r4, r5, r6, r7, r8}
    movs    r0, #0
    vidup.u32 q3, r0, #2
    add     r0, r4, #4
    vctp.32 r5
    vpstt
    vldrwt.u32 q1, [r4, q3, uxtw #2]
    vldrwt.u32 q2, [r0, q3, uxtw #2]
    vadd.i32 q0, q0, q1
    vrmulh.s32 q0, q0, q2
    vqshl.s32 q0, r7
    bx      r8
    .p2align 2
    lstm_place lstm_nostd_mve_dense_values
    vpst
    vstrwt.32 q0, [r6], #16
1:
    adds    r4, r4, #32
    subs    r5, r5, #4
    stmia   sp, {r4, r5, r6}
    it      hi
    ldrhi   pc, [sp, #K_GROUP]
    ldr     r0, [sp, #K_END]
    mov     sp, r0
    vpop    {d8-d11}
    add     sp, sp, #4
    pop     {r4-r11, pc}
    .p2align 2
    lstm_place lstm_nostd_mve_dense_int16
    vmov.i32 q1, #0
    vmax.s32 q0, q0, q1
    vqmovnb.s32 q0, q0
    vpst
    vstrht.32 q0, [r6], #8
    b       1b
    .p2align 2
    lstm_place lstm_nostd_mve_dense_int8
    vmov.i32 q1, #0
    vmax.s32 q0, q0, q1
    vmov.i32 q1, #127
    vmin.s32 q0, q0, q1
    vpst
    vstrbt.32 q0, [r6], #4
    b       1b
    lstm_end lstm_nostd_mve_dense_finish
