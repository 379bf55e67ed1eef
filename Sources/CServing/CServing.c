#define _GNU_SOURCE
#include "CServing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// libmicrohttpd ------------------------------------------------------------------------------------

enum {
    MHD_YES = 1, MHD_NO = 0,
    MHD_USE_NO_LISTEN_SOCKET = 256, MHD_USE_EPOLL = 512, MHD_USE_ITC = 1024,
    MHD_ALLOW_SUSPEND_RESUME = 8192 | MHD_USE_ITC, MHD_ALLOW_UPGRADE = 32768,
    MHD_OPTION_END = 0, MHD_OPTION_CONNECTION_MEMORY_LIMIT = 1, MHD_OPTION_CONNECTION_LIMIT = 2,
    MHD_OPTION_CONNECTION_TIMEOUT = 3, MHD_OPTION_NOTIFY_COMPLETED = 4,
    MHD_OPTION_URI_LOG_CALLBACK = 7, MHD_OPTION_UNESCAPE_CALLBACK = 16,
    MHD_OPTION_NOTIFY_CONNECTION = 27, MHD_OPTION_STRICT_FOR_CLIENT = 29,
    MHD_HEADER_KIND = 1, MHD_CONNECTION_INFO_CONNECTION_FD = 6, MHD_DAEMON_INFO_EPOLL_FD = 3,
    MHD_RESPMEM_PERSISTENT = 0, MHD_RESPMEM_MUST_COPY = 2, MHD_UPGRADE_ACTION_CLOSE = 0,
    MHD_CONNECTION_OPTION_TIMEOUT = 0, MHD_CONNECTION_NOTIFY_STARTED = 0,
};

static const char *const http_names[] = {
    "MHD_start_daemon", "MHD_stop_daemon", "MHD_get_daemon_info", "MHD_run", "MHD_get_timeout",
    "MHD_add_connection", "MHD_get_connection_info", "MHD_get_connection_values",
    "MHD_create_response_from_buffer", "MHD_create_response_from_callback",
    "MHD_create_response_for_upgrade", "MHD_add_response_header", "MHD_queue_response",
    "MHD_destroy_response", "MHD_upgrade_action", "MHD_suspend_connection",
    "MHD_resume_connection", "MHD_set_connection_option", NULL,
};

static struct {
    void *(*start_daemon)(unsigned, uint16_t, void *, void *, void *, void *, ...);
    void (*stop_daemon)(void *);
    const void *(*get_daemon_info)(void *, int, ...);
    int (*run)(void *);
    int (*get_timeout)(void *, unsigned long long *);
    int (*add_connection)(void *, int, const struct sockaddr *, socklen_t);
    const void *(*get_connection_info)(void *, int, ...);
    int (*get_connection_values)(void *, int, void *, void *);
    void *(*response_from_buffer)(size_t, void *, int);
    void *(*response_from_callback)(uint64_t, size_t, void *, void *, void *);
    void *(*response_for_upgrade)(void *, void *);
    int (*add_response_header)(void *, const char *, const char *);
    int (*queue_response)(void *, unsigned, void *);
    void (*destroy_response)(void *);
    int (*upgrade_action)(void *, int, ...);
    void (*suspend)(void *);
    void (*resume)(void *);
    int (*set_option)(void *, int, ...);
} http;

const char *cserving_http_function(int place) { return http_names[place]; }

void cserving_http_use(void *const *functions) {
    _Static_assert(sizeof(http) == sizeof(http_names) - sizeof(void *), "a function for each name");
    memcpy(&http, functions, sizeof(http));
}

// A request from its first line to its answer.
struct request {
    char *target;
    int is_known;
};

struct daemon {
    void *mhd;
    struct cserving_http_events events;
};

// Called with the target as it came, before it is taken apart in place.
static void *note_target(void *context, const char *target, void *connection) {
    (void)context; (void)connection;
    struct request *request = calloc(1, sizeof *request);
    if (request && !(request->target = strdup(target))) {
        free(request);
        return NULL;
    }
    return request;
}

static size_t leave_escaped(void *context, void *connection, char *text) {
    (void)context; (void)connection;
    return strlen(text);
}

static int note_body(void *context, int kind, const char *name, const char *value) {
    (void)kind;
    if (!strcasecmp(name, "Transfer-Encoding") || (!strcasecmp(name, "Content-Length") && strcmp(value, "0")))
        *(int *)context = 1;
    return MHD_YES;
}

static int handle(void *context, void *connection, const char *url, const char *method,
                  const char *version, const char *upload, size_t *upload_count, void **state) {
    (void)url; (void)upload;
    struct daemon *daemon = context;
    struct request *request = *state;
    if (!request) return MHD_NO;
    int is_first = !request->is_known, has_body = 0;
    request->is_known = 1;
    http.get_connection_values(connection, MHD_HEADER_KIND, note_body, &has_body);
    *upload_count = 0;
    return daemon->events.requested(daemon->events.context, connection, request->target, method, version,
                                    is_first, has_body) == 0 ? MHD_YES : MHD_NO;
}

static void complete(void *context, void *connection, void **state, int code) {
    (void)code;
    struct daemon *daemon = context;
    struct request *request = *state;
    if (request) free(request->target);
    free(request);
    *state = NULL;
    daemon->events.completed(daemon->events.context, connection);
}

static void note_connection(void *context, void *connection, void **state, int code) {
    (void)state;
    struct daemon *daemon = context;
    if (code != MHD_CONNECTION_NOTIFY_STARTED) {
        daemon->events.closed(daemon->events.context, connection);
        return;
    }
    const int *descriptor = http.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    daemon->events.opened(daemon->events.context, connection, descriptor ? *descriptor : -1);
}

void *cserving_http_start(const struct cserving_http_events *events, unsigned connections_max,
                          unsigned idle_seconds, size_t head_bytes_max) {
    struct daemon *daemon = calloc(1, sizeof *daemon);
    if (!daemon) return NULL;
    daemon->events = *events;
    daemon->mhd = http.start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE, 0,
        NULL, NULL, handle, daemon,
        MHD_OPTION_CONNECTION_LIMIT, connections_max,
        MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, head_bytes_max,
        MHD_OPTION_NOTIFY_COMPLETED, complete, daemon,
        MHD_OPTION_NOTIFY_CONNECTION, note_connection, daemon,
        MHD_OPTION_URI_LOG_CALLBACK, note_target, daemon,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, daemon,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_END);
    if (daemon->mhd) return daemon;
    free(daemon);
    return NULL;
}

void cserving_http_stop(void *pointer) {
    struct daemon *daemon = pointer;
    http.stop_daemon(daemon->mhd);
    free(daemon);
}

int cserving_http_descriptor(void *pointer) {
    const int *descriptor = http.get_daemon_info(((struct daemon *)pointer)->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    return descriptor ? *descriptor : -1;
}

void cserving_http_run(void *pointer) { http.run(((struct daemon *)pointer)->mhd); }

long long cserving_http_timeout(void *pointer) {
    unsigned long long millis;
    return http.get_timeout(((struct daemon *)pointer)->mhd, &millis) == MHD_YES ? (long long)millis : -1;
}

int cserving_http_add(void *pointer, int descriptor, const struct sockaddr *address, socklen_t length) {
    return http.add_connection(((struct daemon *)pointer)->mhd, descriptor, address, length) == MHD_YES ? 0 : -1;
}

struct field_visit {
    void *context;
    void (*each)(void *, const char *, const char *);
};

static int visit_field(void *context, int kind, const char *name, const char *value) {
    (void)kind;
    struct field_visit *visit = context;
    visit->each(visit->context, name, value ? value : "");
    return MHD_YES;
}

void cserving_http_fields(void *connection, void *context,
                          void (*each)(void *, const char *, const char *)) {
    struct field_visit visit = {context, each};
    http.get_connection_values(connection, MHD_HEADER_KIND, visit_field, &visit);
}

// Queues a response and gives it up.
static int queue(void *connection, unsigned status, void *response, cserving_fields fields) {
    if (!response) return -1;
    for (; fields[0]; fields += 2) http.add_response_header(response, fields[0], fields[1]);
    int result = http.queue_response(connection, status, response);
    http.destroy_response(response);
    return result == MHD_YES ? 0 : -1;
}

int cserving_http_answer(void *connection, unsigned status, cserving_fields fields, const void *bytes,
                         size_t count, int is_lasting) {
    void *response = http.response_from_buffer(
        count, (void *)bytes, is_lasting ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_COPY);
    return queue(connection, status, response, fields);
}

int cserving_http_stream(void *connection, cserving_fields fields, void *context,
                         ptrdiff_t (*read)(void *, uint64_t, char *, size_t),
                         void (*release)(void *)) {
    void *response = http.response_from_callback(UINT64_MAX, 16384, read, context, release);
    return queue(connection, 200, response, fields);
}

struct upgrade {
    void *context;
    void (*upgraded)(void *, int, void *, const char *, size_t);
};

static void hand_over(void *context, void *connection, void *state, const char *extra, size_t extra_count,
                      int descriptor, void *handle) {
    (void)connection; (void)state;
    struct upgrade *upgrade = context;
    upgrade->upgraded(upgrade->context, descriptor, handle, extra, extra_count);
    free(upgrade);
}

int cserving_http_upgrade(void *connection, cserving_fields fields, void *context,
                          void (*upgraded)(void *, int, void *, const char *, size_t)) {
    struct upgrade *upgrade = malloc(sizeof *upgrade);
    if (!upgrade) return -1;
    *upgrade = (struct upgrade){context, upgraded};
    int result = queue(connection, 101, http.response_for_upgrade(hand_over, upgrade), fields);
    if (result != 0) free(upgrade);
    return result;
}

void cserving_http_end(void *handle) { http.upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE); }
void cserving_http_suspend(void *connection) { http.suspend(connection); }
void cserving_http_resume(void *connection) { http.resume(connection); }

void cserving_http_patience(void *connection, unsigned seconds) {
    http.set_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
}

// libwslay -----------------------------------------------------------------------------------------

enum { WSLAY_ERR_CALLBACK_FAILURE = -400, WSLAY_ERR_WOULDBLOCK = -401 };

struct wslay_event_on_msg_recv_arg {
    uint8_t rsv, opcode;
    const uint8_t *msg;
    size_t msg_length;
    uint16_t status_code;
};

struct wslay_event_msg {
    uint8_t opcode;
    const uint8_t *msg;
    size_t msg_length;
};

struct wslay_event_callbacks {
    ssize_t (*recv)(void *, uint8_t *, size_t, int, void *);
    ssize_t (*send)(void *, const uint8_t *, size_t, int, void *);
    void *genmask, *frame_start, *frame_chunk, *frame_end;
    void (*message)(void *, const struct wslay_event_on_msg_recv_arg *, void *);
};

static const char *const frames_names[] = {
    "wslay_event_context_server_init", "wslay_event_context_free",
    "wslay_event_config_set_max_recv_msg_length", "wslay_event_recv", "wslay_event_send",
    "wslay_event_queue_msg", "wslay_event_queue_close", "wslay_event_set_error",
    "wslay_event_want_read", "wslay_event_want_write", NULL,
};

static struct {
    int (*server_init)(void **, const struct wslay_event_callbacks *, void *);
    void (*free)(void *);
    void (*set_max)(void *, uint64_t);
    int (*recv)(void *);
    int (*send)(void *);
    int (*queue)(void *, const struct wslay_event_msg *);
    int (*queue_close)(void *, uint16_t, const uint8_t *, size_t);
    void (*set_error)(void *, int);
    int (*want_read)(void *);
    int (*want_write)(void *);
} wslay;

const char *cserving_frames_function(int place) { return frames_names[place]; }

void cserving_frames_use(void *const *functions) {
    _Static_assert(sizeof(wslay) == sizeof(frames_names) - sizeof(void *), "a function for each name");
    memcpy(&wslay, functions, sizeof(wslay));
}

struct cserving_frames {
    void *wslay;
    int descriptor;
    // Bytes that came with the request, and how many of them were read.
    uint8_t *extra;
    size_t extra_count, extra_read;
    uint64_t sent;
    // The client has closed or reset the connection; it has broken the protocol.
    int is_gone, is_broken;
    void *context;
    void (*received)(void *, int, const uint8_t *, size_t);
};

static ssize_t receive(void *event, uint8_t *bytes, size_t count, int flags, void *context) {
    (void)flags;
    struct cserving_frames *frames = context;
    size_t left = frames->extra_count - frames->extra_read;
    if (left > 0) {
        if (count > left) count = left;
        memcpy(bytes, frames->extra + frames->extra_read, count);
        frames->extra_read += count;
        return (ssize_t)count;
    }
    ssize_t read;
    do read = recv(frames->descriptor, bytes, count, 0); while (read < 0 && errno == EINTR);
    if (read > 0) return read;
    int is_empty = read < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (!is_empty) frames->is_gone = 1;
    wslay.set_error(event, is_empty ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t transmit(void *event, const uint8_t *bytes, size_t count, int flags, void *context) {
    (void)flags;
    // After some violations wslay closes without a code, with a frame that is these two bytes, which
    // text never is; RFC 6455, section 7.4.1, has 1002 for them.
    static const uint8_t bare[] = {0x88, 0}, coded[] = {0x88, 2, 1002 >> 8, 1002 & 0xFF};
    struct cserving_frames *frames = context;
    int is_coded = frames->is_broken && count == sizeof bare && memcmp(bytes, bare, count) == 0;
    const uint8_t *from = is_coded ? coded : bytes;
    size_t wanted = is_coded ? sizeof coded : count;
    ssize_t written;
    do written = send(frames->descriptor, from, wanted, MSG_NOSIGNAL); while (written < 0 && errno == EINTR);
    if (written >= 0) frames->sent += (uint64_t)written;
    if (written >= 0 && !is_coded) return written;
    if (written == (ssize_t)sizeof coded) return sizeof bare;
    int is_full = written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    wslay.set_error(event, is_full ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static void receive_message(void *event, const struct wslay_event_on_msg_recv_arg *message, void *context) {
    (void)event;
    struct cserving_frames *frames = context;
    // Half a code is none (RFC 6455, section 5.5.1), which wslay lets pass.
    if (message->opcode == 8 && message->msg_length == 1) frames->is_broken = 1;
    frames->received(frames->context, message->opcode, message->msg, message->msg_length);
}

struct cserving_frames *cserving_frames_open(
    int descriptor, const char *extra, size_t extra_count, uint64_t message_bytes_max, void *context,
    void (*received)(void *, int, const uint8_t *, size_t)) {
    static const struct wslay_event_callbacks callbacks = {
        .recv = receive, .send = transmit, .message = receive_message};
    struct cserving_frames *frames = calloc(1, sizeof *frames);
    if (!frames) return NULL;
    frames->descriptor = descriptor;
    frames->context = context;
    frames->received = received;
    if (extra_count > 0) {
        frames->extra = malloc(extra_count);
        if (!frames->extra) goto failed;
        memcpy(frames->extra, extra, extra_count);
        frames->extra_count = extra_count;
    }
    if (wslay.server_init(&frames->wslay, &callbacks, frames) != 0) goto failed;
    wslay.set_max(frames->wslay, message_bytes_max);
    return frames;
failed:
    free(frames->extra);
    free(frames);
    return NULL;
}

void cserving_frames_free(struct cserving_frames *frames) {
    wslay.free(frames->wslay);
    free(frames->extra);
    free(frames);
}

int cserving_frames_receive(struct cserving_frames *frames) {
    if (wslay.recv(frames->wslay) == 0) return 0;
    if (frames->is_gone) return -1;
    frames->is_broken = 1;
    return 0;
}

int cserving_discard(int descriptor) {
    char bytes[16384];
    // As much as comes between two turns; more is there at the next one.
    for (int times = 0; times < 16; times++) {
        ssize_t read = recv(descriptor, bytes, sizeof bytes, 0);
        if (read == 0) return -1;
        if (read < 0) return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    }
    return 0;
}

int cserving_frames_send(struct cserving_frames *frames) { return wslay.send(frames->wslay) == 0 ? 0 : -1; }

int cserving_frames_queue(struct cserving_frames *frames, int opcode, const uint8_t *bytes, size_t count) {
    struct wslay_event_msg message = {(uint8_t)opcode, bytes, count};
    return wslay.queue(frames->wslay, &message) == 0 ? 0 : -1;
}

int cserving_frames_close(struct cserving_frames *frames, unsigned status, const uint8_t *reason, size_t count) {
    return wslay.queue_close(frames->wslay, (uint16_t)status, reason, count) == 0 ? 0 : -1;
}

int cserving_frames_wants_read(struct cserving_frames *frames) { return wslay.want_read(frames->wslay); }
int cserving_frames_wants_write(struct cserving_frames *frames) { return wslay.want_write(frames->wslay); }
uint64_t cserving_frames_sent(struct cserving_frames *frames) { return frames->sent; }

// Linux --------------------------------------------------------------------------------------------

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int cserving_signal_open(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

void cserving_signal(int descriptor) {
    uint64_t one = 1;
    ssize_t written = write(descriptor, &one, sizeof one);
    (void)written;
}

void cserving_signal_clear(int descriptor) {
    uint64_t count;
    ssize_t got = read(descriptor, &count, sizeof count);
    (void)got;
}

int cserving_set_open(void) { return epoll_create1(EPOLL_CLOEXEC); }

int cserving_set_watch(int set, int descriptor, uint64_t number, int is_reading, int is_writing) {
    struct epoll_event event = {
        .events = (is_reading ? EPOLLIN | EPOLLRDHUP : 0) | (is_writing ? EPOLLOUT : 0),
        .data = {.u64 = number}};
    if (epoll_ctl(set, EPOLL_CTL_MOD, descriptor, &event) == 0) return 0;
    return errno == ENOENT ? epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event) : -1;
}

void cserving_set_forget(int set, int descriptor) { epoll_ctl(set, EPOLL_CTL_DEL, descriptor, NULL); }

int cserving_set_wait(int set, struct cserving_ready *ready, int count_max, int millis) {
    struct epoll_event events[64];
    int count = epoll_wait(set, events, count_max < 64 ? count_max : 64, millis);
    for (int place = 0; place < count; place++) {
        uint32_t kinds = events[place].events;
        ready[place] = (struct cserving_ready){
            events[place].data.u64, (kinds & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
            (kinds & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0};
    }
    return count < 0 ? 0 : count;
}

uint64_t cserving_thread_nanos(void) {
    struct timespec time;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void cserving_thread_yield_to_others(int nice) {
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), nice);
}

int cserving_listen(const struct sockaddr *address, socklen_t length, int is_only_v6) {
    int descriptor = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    int on = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (is_only_v6) setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(descriptor, address, length) == 0 && listen(descriptor, 512) == 0) return descriptor;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

int cserving_accept(int listener, struct sockaddr_storage *address, socklen_t *length) {
    *length = sizeof *address;
    return accept4(listener, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

void cserving_tune(int descriptor, int send_bytes) {
    int on = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
