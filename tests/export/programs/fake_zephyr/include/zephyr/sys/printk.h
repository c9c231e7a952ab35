/* A fake: printk() as printf(). */
#include <stdio.h>
#define printk printf
