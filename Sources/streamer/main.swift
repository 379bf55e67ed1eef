import Glibc

// A reader that goes away is seen as EPIPE where it matters, not as a signal that kills.
signal(SIGPIPE, SIG_IGN)
// A file size limit is seen as EFBIG by the write that meets it.
signal(SIGXFSZ, SIG_IGN)
exit(runCommandLine(Array(CommandLine.arguments.dropFirst())).rawValue)
