/* The relay over loopback, one datagram at a time. */
#include "bench/floor.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "tests/cunit.h"

#define RECEIVERS 300 /* more than one batch */
#define MEDIA     0x90

static struct floor_stream stream;
static struct sockaddr_in address;

/* A socket that talks to the relay and nobody else. */
static int connect_peer(void)
{
	struct timeval patience = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static void relay(int fd, const void *bytes, size_t size)
{
	CU_ASSERT_EQUAL(send(fd, bytes, size, 0), (ssize_t)size);
	CU_ASSERT_EQUAL(floor_relay(&stream), 0);
}

static void join(int fd)
{
	uint8_t hello = FLOOR_JOIN;
	relay(fd, &hello, sizeof(hello));
}

static bool has_datagram(int fd)
{
	uint8_t byte;
	return recv(fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_PEEK) >= 0;
}

static void begin(void)
{
	CU_ASSERT_EQUAL_FATAL(floor_stream_open(&stream, RECEIVERS, &address), 0);
}

static void end(void)
{
	floor_stream_close(&stream);
}

static void everybody_who_joined_gets_each_datagram(void)
{
	static int fds[RECEIVERS];
	uint8_t sent[1200] = {MEDIA, 1, 2, 3}, got[2048];
	begin();
	int publisher = connect_peer();
	for (int i = 0; i < RECEIVERS; i++) {
		fds[i] = connect_peer();
		join(fds[i]);
	}
	relay(publisher, sent, sizeof(sent));
	for (int i = 0; i < RECEIVERS; i++) {
		CU_ASSERT_EQUAL(recv(fds[i], got, sizeof(got), 0), sizeof(sent));
		CU_ASSERT_EQUAL(memcmp(got, sent, sizeof(sent)), 0);
		close(fds[i]);
	}
	CU_ASSERT_FALSE(has_datagram(publisher));
	close(publisher);
	end();
}

static void joining_twice_counts_once(void)
{
	uint8_t media[2] = {MEDIA, 0}, got[2];
	begin();
	int fd = connect_peer();
	join(fd);
	join(fd);
	relay(fd, media, sizeof(media));
	CU_ASSERT_EQUAL(recv(fd, got, sizeof(got), 0), sizeof(media));
	CU_ASSERT_FALSE(has_datagram(fd));
	close(fd);
	end();
}

static void nobody_is_left_after_clear(void)
{
	uint8_t media[2] = {MEDIA, 0}, clear = FLOOR_CLEAR;
	begin();
	int fd = connect_peer();
	join(fd);
	relay(fd, &clear, sizeof(clear));
	relay(fd, media, sizeof(media));
	CU_ASSERT_FALSE(has_datagram(fd));
	close(fd);
	end();
}

/* One more than there is room for. */
static void full_relay_takes_nobody_else(void)
{
	uint8_t media[2] = {MEDIA, 0};
	CU_ASSERT_EQUAL_FATAL(floor_stream_open(&stream, 1, &address), 0);
	int first = connect_peer(), second = connect_peer();
	join(first);
	join(second);
	relay(second, media, sizeof(media));
	CU_ASSERT_TRUE(has_datagram(first));
	CU_ASSERT_FALSE(has_datagram(second));
	close(first);
	close(second);
	end();
}

static CU_TestInfo tests[] = {
	{"everybody_who_joined_gets_each_datagram", everybody_who_joined_gets_each_datagram},
	{"joining_twice_counts_once", joining_twice_counts_once},
	{"nobody_is_left_after_clear", nobody_is_left_after_clear},
	{"full_relay_takes_nobody_else", full_relay_takes_nobody_else},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("floor", tests)
