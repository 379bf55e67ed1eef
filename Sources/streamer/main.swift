import CSystem
import CommandLine
import Glibc

// A reader that goes away is seen as EPIPE where it matters, not as a signal that kills.
signal(SIGPIPE, SIG_IGN)
// A file size limit is seen as EFBIG by the write that meets it.
signal(SIGXFSZ, SIG_IGN)
// Columns of a block are made and freed all the time: 32 MiB of them are used again.
csystem_keep_freed_memory(32 << 20)
exit(runCommandLine(Array(Swift.CommandLine.arguments.dropFirst())).rawValue)
