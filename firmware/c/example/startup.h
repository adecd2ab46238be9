/* What the example needs of the board. */
#ifndef STARTUP_H
#define STARTUP_H

#include <stdint.h>

/* Prints on the terminal of QEMU or of the debugger. */
void print(const char *text);

/* Ends the emulation with this status. */
_Noreturn void finish(int status);

#endif
