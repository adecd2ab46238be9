@ Sigmoid, tanh and narrowing for ARMv7-M, with or without the DSP extension, which differ in `lstm_curve`.

@ \v = (T1), (T2) of `activation` at \v, which need not be clamped yet; |\v| < 2^30. \t points to both tables.
@ Carry holds the sign from `eors` (bit 30, as |\v| < 2^30) to the last `adc`.
.macro lstm_activation v, a, b, e, t, bits, guard, table, centre
    lstm_part activations
    eors    \a, \v, \v, asr #31
    adc     \a, \a, #0
    usat    \a, #15, \a
    lsr     \b, \a, #\bits
    add     \b, \t, \b, lsl #3
    ldrd    \b, \e, [\b, #\table]
    ubfx    \a, \a, #0, #\bits
    lstm_curve \a, \b, \e
    asr     \b, \b, #\guard
    eor     \v, \b, \v, asr #31
    adc     \v, \v, #\centre
    lstm_part rest
.endm

.macro lstm_sigmoid v, a, b, e, t
    lstm_activation \v, \a, \b, \e, \t, 9, 10, 0, 16384
.endm
.macro lstm_tanh v, a, b, e, t
    lstm_activation \v, \a, \b, \e, \t, 8, 9, 512, 0
.endm

@ \d = the 32 bits of \s rounded to the upper 16.
.macro lstm_narrow d, s
    asr     \d, \s, #15
    add     \d, \d, #1
    ssat    \d, #16, \d, asr #1
.endm
