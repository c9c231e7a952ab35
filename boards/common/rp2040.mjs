/* A board with an RP2040 in rp2040js (npm), its UART0 on an inherited listening socket:
 *
 *     node rp2040.mjs LISTENER MODULES FLASH_ORIGIN IMAGE BOOT
 *
 * LISTENER is a file descriptor, MODULES a folder with node_modules. The chip starts with the first connection as its ROM
 * would: BOOT, the second stage at the beginning of flash, is copied into RAM and called; without such a file IMAGE is
 * started from its vectors, as a second stage would. The UART takes bytes as fast as they come: it has no bit time.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const FLASH = 0x10000000;
const RAM = 0x20000000;
const SECOND_STAGE = 0x20041f00; /* RP2040 data sheet, 2.8.1.3.1 */
const AIRCR = 0xe000ed0c;
const AIRCR_RESET = 0x05fa0004; /* the key, and SYSRESETREQ, which rp2040js lacks */
const NANOSECONDS = 8; /* a cycle at 125 MHz */
const SLICE = 100000; /* instructions between two looks at the socket */
const POLL = 64; /* instructions between two received bytes */
const MOST_SENT = 1024; /* bytes kept until the socket gets them */

const [listener, modules, flashOrigin, imageFile, bootFile] = process.argv.slice(2);
const { Simulator } = await import(pathToFileURL(createRequire(join(modules, 'from.cjs')).resolve('rp2040js')));
const image = readFileSync(imageFile);
const boot = existsSync(bootFile) ? readFileSync(bootFile) : null;

const received = []; /* from the socket, not yet by the UART */
let sent = []; /* by the UART, not yet to the socket */
let client = null;
let simulator = null;
let restarts = false;

/* A chip after reset, with its flash as it was placed. */
function reset() {
    simulator = new Simulator();
    const chip = simulator.rp2040;
    const core = chip.core;
    const quiet = () => {};
    chip.logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
    chip.flash.set(image, Number(flashOrigin) - FLASH);
    const write = chip.writeUint32.bind(chip);
    chip.writeUint32 = (address, value) => {
        if (address >>> 0 === AIRCR && (value & AIRCR_RESET) === AIRCR_RESET) {
            restarts = true;
        }
        write(address, value);
    };
    chip.uart[0].onByte = (byte) => sent.push(byte);
    if (boot === null) {
        core.SP = image.readUInt32LE(0);
        core.PC = image.readUInt32LE(4) & ~1;
    } else {
        chip.flash.set(boot, 0);
        chip.sram.set(boot, SECOND_STAGE - RAM);
        core.PC = SECOND_STAGE;
    }
}

function run() {
    const chip = simulator.rp2040;
    const uart = chip.uart[0];
    for (let count = 0; count < SLICE && !restarts && sent.length < MOST_SENT; count++) {
        if (count % POLL === 0 && received.length > 0 && !uart.rxFIFO.full && uart.enabled) {
            uart.feedByte(received.shift());
        }
        simulator.clock.tick(chip.core.executeInstruction() * NANOSECONDS);
    }
    if (sent.length > 0 && client !== null) {
        client.write(Buffer.from(sent));
    }
    sent = [];
    if (restarts) {
        restarts = false;
        reset();
    }
    setImmediate(run);
}

const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('data', (data) => received.push(...data));
    socket.on('error', () => {});
    socket.on('close', () => {
        client = client === socket ? null : client;
    });
    client = socket;
    if (simulator === null) {
        reset();
        run();
    }
});
/* Its parent may be a script that runs Node.js, as PyPI's `node` is: killed, it would leave this behind. */
const parent = process.ppid;
setInterval(() => {
    if (process.ppid !== parent) {
        process.exit(0);
    }
}, 200);
server.listen({ fd: Number(listener) }, () => process.stderr.write('waiting for connection\n'));
