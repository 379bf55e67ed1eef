"""librdkafka's own mock cluster: several brokers in the test's process, which fail on demand.

The functions are those of `rdkafka_mock.h`; the library is the one that confluent-kafka brings.
"""

import ctypes

from broker import NEWER

PRODUCER = 0
PRODUCE, FETCH, LIST_OFFSETS = 0, 1, 2
NOT_LEADER, REQUEST_TIMED_OUT, COORDINATOR_NOT_AVAILABLE = 6, 7, 15
END_TXN = 26


class MockCluster:
    """Brokers 1 … `brokers`; ended by `close`."""

    def __init__(self, brokers=3):
        self.library = ctypes.CDLL(str(NEWER))
        for name, result, arguments in (
                ("rd_kafka_conf_new", ctypes.c_void_p, []),
                ("rd_kafka_new", ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p,
                                                   ctypes.c_size_t]),
                ("rd_kafka_destroy", None, [ctypes.c_void_p]),
                ("rd_kafka_mock_cluster_new", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int]),
                ("rd_kafka_mock_cluster_destroy", None, [ctypes.c_void_p]),
                ("rd_kafka_mock_cluster_bootstraps", ctypes.c_char_p, [ctypes.c_void_p]),
                ("rd_kafka_mock_topic_create", ctypes.c_int, [
                    ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]),
                ("rd_kafka_mock_partition_set_leader", ctypes.c_int, [
                    ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32]),
                ("rd_kafka_mock_broker_set_down", ctypes.c_int, [ctypes.c_void_p, ctypes.c_int32]),
                ("rd_kafka_mock_broker_set_up", ctypes.c_int, [ctypes.c_void_p, ctypes.c_int32]),
                ("rd_kafka_mock_broker_set_rtt", ctypes.c_int, [
                    ctypes.c_void_p, ctypes.c_int32, ctypes.c_int]),
                ("rd_kafka_mock_push_request_errors_array", None, [
                    ctypes.c_void_p, ctypes.c_int16, ctypes.c_size_t,
                    ctypes.POINTER(ctypes.c_int)])):
            function = getattr(self.library, name)
            function.restype, function.argtypes = result, arguments
        said = ctypes.create_string_buffer(512)
        self.client = self.library.rd_kafka_new(
            PRODUCER, self.library.rd_kafka_conf_new(), said, len(said))
        assert self.client, said.value
        self.cluster = self.library.rd_kafka_mock_cluster_new(self.client, brokers)
        assert self.cluster
        self.servers = self.library.rd_kafka_mock_cluster_bootstraps(self.cluster).decode()

    def topic(self, name, partitions, replicas=3):
        self.done(self.library.rd_kafka_mock_topic_create(
            self.cluster, name.encode(), partitions, replicas))

    def lead(self, topic, partition, broker):
        self.done(self.library.rd_kafka_mock_partition_set_leader(
            self.cluster, topic.encode(), partition, broker))

    def down(self, broker):
        self.done(self.library.rd_kafka_mock_broker_set_down(self.cluster, broker))

    def up(self, broker):
        self.done(self.library.rd_kafka_mock_broker_set_up(self.cluster, broker))

    def answers_after(self, broker, milliseconds):
        self.done(self.library.rd_kafka_mock_broker_set_rtt(self.cluster, broker, milliseconds))

    def fail(self, request, *errors):
        """The next requests of a kind get these errors."""
        self.library.rd_kafka_mock_push_request_errors_array(
            self.cluster, request, len(errors), (ctypes.c_int * len(errors))(*errors))

    def done(self, code):
        assert code == 0, f"the mock cluster says {code}"

    def close(self):
        self.library.rd_kafka_mock_cluster_destroy(self.cluster)
        self.library.rd_kafka_destroy(self.client)
