#pragma once
/// libmicrohttpd and libwslay as Swift calls them: what is variadic, what takes structs of callbacks,
/// and nothing else. Both libraries are opened when they are first needed; the tables below hold
/// their functions, found by name. What is declared of them is of libmicrohttpd 0.9.75 and libwslay
/// 1.1 (microhttpd.h, wslay.h), whose ABIs are stable in libmicrohttpd.so.12 and libwslay.so.1.
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/// The name of the function that has a place in the table, NULL behind the last.
const char *cserving_http_function(int place);
const char *cserving_frames_function(int place);

/// Takes the functions, in the order of their names; they stay until the process ends.
void cserving_http_use(void *const *functions);
void cserving_frames_use(void *const *functions);

/// What a daemon tells. `connection` is the same pointer from `opened` to `closed`.
struct cserving_http_events {
    void *context;
    void (*opened)(void *context, void *connection, int descriptor);
    void (*closed)(void *context, void *connection);
    /// A request's head is whole, or its connection was resumed: it is to be answered, upgraded or
    /// suspended; 0, or -1 to close. `target` is as the client wrote it.
    int (*requested)(
        void *context, void *connection, const char *target, const char *method, const char *version,
        int is_first, int has_body);
    /// The answer is sent, or will never be.
    void (*completed)(void *context, void *connection);
};

/// A daemon without threads and sockets of its own, in strict mode; NULL if there is no memory or no
/// descriptor left. The events are copied.
void *cserving_http_start(
    const struct cserving_http_events *events, unsigned connections_max, unsigned idle_seconds,
    size_t head_bytes_max);
void cserving_http_stop(void *daemon);
/// A descriptor that is readable when `run` has something to do.
int cserving_http_descriptor(void *daemon);
void cserving_http_run(void *daemon);
/// Milliseconds until `run` is to be called whatever happens; -1 for never.
long long cserving_http_timeout(void *daemon);
/// Hands an accepted socket over; 0, or -1 where the daemon has closed it.
int cserving_http_add(void *daemon, int descriptor, const struct sockaddr *address, socklen_t length);

/// Calls `each` with the name and the value of every field of a request's head.
void cserving_http_fields(
    void *connection, void *context, void (*each)(void *context, const char *name, const char *value));

/// Names and values, each pair after the other, NULL behind the last.
typedef const char *const *cserving_fields;

/// Answers with bytes, which are copied unless they live as long as the process; 0 or -1.
int cserving_http_answer(
    void *connection, unsigned status, cserving_fields fields, const void *bytes, size_t count,
    int is_lasting);

/// Answers with what `read` gives until it gives -1; 0 means that it has suspended the connection.
int cserving_http_stream(
    void *connection, cserving_fields fields, void *context,
    ptrdiff_t (*read)(void *context, uint64_t position, char *bytes, size_t count_max),
    void (*release)(void *context));

/// Hands the socket over: to be closed with `cserving_http_end`.
int cserving_http_upgrade(
    void *connection, cserving_fields fields, void *context,
    void (*upgraded)(
        void *context, int descriptor, void *handle, const char *extra, size_t extra_count));
void cserving_http_end(void *handle);

void cserving_http_suspend(void *connection);
void cserving_http_resume(void *connection);
/// Seconds without a byte after which the connection is closed.
void cserving_http_patience(void *connection, unsigned seconds);

/// Server-side WebSocket frames over a socket that does not block.
struct cserving_frames;

/// `received` gets whole messages and control frames by their opcode; bytes that came with the
/// request are read first. NULL if there is no memory.
struct cserving_frames *cserving_frames_open(
    int descriptor, const char *extra, size_t extra_count, uint64_t message_bytes_max, void *context,
    void (*received)(void *context, int opcode, const uint8_t *bytes, size_t count));
void cserving_frames_free(struct cserving_frames *frames);
/// Reads what is there; -1 when the connection is over. After a violation of the protocol a close frame
/// with its code is queued, and nothing more wants to be read.
int cserving_frames_receive(struct cserving_frames *frames);
/// Reads what is there for nobody; -1 when the other side has closed or reset the connection.
int cserving_discard(int descriptor);
/// Writes what is queued as far as the socket takes it; -1 when the connection is over.
int cserving_frames_send(struct cserving_frames *frames);
int cserving_frames_queue(
    struct cserving_frames *frames, int opcode, const uint8_t *bytes, size_t count);
int cserving_frames_close(
    struct cserving_frames *frames, unsigned status, const uint8_t *reason, size_t count);
int cserving_frames_wants_read(struct cserving_frames *frames);
int cserving_frames_wants_write(struct cserving_frames *frames);
/// The bytes that the socket has taken so far.
uint64_t cserving_frames_sent(struct cserving_frames *frames);

/// An eventfd(2): readable from `cserving_signal` until `cserving_signal_clear`; -1 with errno.
int cserving_signal_open(void);
void cserving_signal(int descriptor);
void cserving_signal_clear(int descriptor);

/// An epoll(7) set; -1 with errno.
int cserving_set_open(void);
/// Waits for reading, and for room to write if asked, of a descriptor that is known by a number; the
/// same call changes what is waited for. 0, or -1 with errno.
int cserving_set_watch(int set, int descriptor, uint64_t number, int is_reading, int is_writing);
void cserving_set_forget(int set, int descriptor);

struct cserving_ready {
    uint64_t number;
    int is_readable, is_writable;
};
/// Waits up to so many milliseconds; gives how many are ready.
int cserving_set_wait(int set, struct cserving_ready *ready, int count_max, int millis);

/// The CPU time of the calling thread, in nanoseconds.
uint64_t cserving_thread_nanos(void);
/// Lets the calling thread run behind others (setpriority(2) of a thread, as Linux has it).
void cserving_thread_yield_to_others(int nice);
/// A socket that listens on an address; -1 with errno. `is_only_v6` of an IPv6 address.
int cserving_listen(const struct sockaddr *address, socklen_t length, int is_only_v6);
/// Accepts without blocking; -1 with errno.
int cserving_accept(int listener, struct sockaddr_storage *address, socklen_t *length);
/// Keeps what the kernel buffers for a socket small, and sends frames as they come.
void cserving_tune(int descriptor, int send_bytes);
