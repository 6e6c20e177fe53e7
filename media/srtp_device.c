/* DPDK's crypto devices for SRTP: opening them, and the queues that workers have in them.
 *
 * Both are software by default (Intel's multi-buffer library), one device for all workers with a
 * queue pair each. A device that does the same by hardware is a matter of its driver's name. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "conf/log.h"
#include "media/srtp_sender.h"

#define SESSION_CACHE 32

#define SESSION_OVERHEAD_BYTES 192 /* heads of DPDK's, about */

static const unsigned int sessions_per_sender[SRTP_SUITES] = {
	[SUITE_GCM] = SRTP_SESSIONS_MAX + 1, /* and RTCP */
	[SUITE_CM] = 2,
};

static const char *const default_drivers[SRTP_SUITES] = {
	[SUITE_GCM] = "crypto_aesni_gcm",
	[SUITE_CM] = "crypto_aesni_mb",
};

static int device_configure(const struct srtp_device *device, unsigned int n_queues)
{
	struct rte_cryptodev_config config = {
		.socket_id = SOCKET_ID_ANY,
		.nb_queue_pairs = (uint16_t)n_queues,
		.ff_disable = RTE_CRYPTODEV_FF_SECURITY | RTE_CRYPTODEV_FF_ASYMMETRIC_CRYPTO,
	};
	struct rte_cryptodev_qp_conf queue = {
		.nb_descriptors = 2 * SRTP_BURST_MAX,
		.mp_session = device->sessions,
	};
	int rc = rte_cryptodev_configure(device->id, &config);
	for (uint16_t i = 0; rc == 0 && i < n_queues; i++)
		rc = rte_cryptodev_queue_pair_setup(device->id, i, &queue, SOCKET_ID_ANY);
	return rc ? rc : rte_cryptodev_start(device->id);
}

/* How many senders an eighth of the free memory has sessions for: slices and tables want some,
 * too. */
static unsigned int memory_for(enum srtp_suite suite, unsigned int session_bytes)
{
	struct rte_malloc_socket_stats memory;
	size_t sender_bytes =
		sessions_per_sender[suite] * (size_t)(session_bytes + SESSION_OVERHEAD_BYTES);
	if (rte_malloc_get_socket_stats((int)rte_socket_id(), &memory))
		return 0;
	return (unsigned int)(memory.heap_freesz_bytes / 8 / sender_bytes);
}

/* The device of this name, made when there is none. A driver that does both suites makes one for
 * each: it goes by the beginning of the name. */
static int device_find(const struct srtp_devices *devices, struct srtp_device *device,
		       const char *driver)
{
	char arguments[64], name[RTE_CRYPTODEV_NAME_MAX_LEN];
	int id = rte_cryptodev_get_dev_id(driver);
	bool is_taken = false;
	for (unsigned int i = 0; i < SRTP_SUITES; i++)
		is_taken |= devices->of[i].is_started && devices->of[i].id == id;
	snprintf(arguments, sizeof(arguments), "max_nb_queue_pairs=%u", devices->n_queues);
	snprintf(name, sizeof(name), "%s%s", driver, is_taken ? "_2" : "");
	if ((id < 0 || is_taken) && rte_eal_hotplug_add("vdev", name, arguments) == 0) {
		id = rte_cryptodev_get_dev_id(name);
		device->is_plugged = id >= 0;
		is_taken = false;
	}
	if (id < 0 || is_taken)
		return is_taken ? -EBUSY : -ENODEV;
	device->id = (uint8_t)id;
	return 0;
}

/* What was made of it when it fails stays for device_stop. */
static int device_start(struct srtp_devices *devices, enum srtp_suite suite, const char *driver,
			const struct srtp_devices_config *config)
{
	struct srtp_device *device = &devices->of[suite];
	char pool[RTE_MEMPOOL_NAMESIZE];
	int rc = device_find(devices, device, driver);
	if (rc)
		return rc;
	snprintf(pool, sizeof(pool), SRTP_POOL_PREFIX "%u", device->id);
	device->session_bytes = rte_cryptodev_sym_get_private_session_size(device->id);
	device->senders_max =
		RTE_MIN(config->senders_max, memory_for(suite, device->session_bytes));
	device->sessions = rte_cryptodev_sym_session_pool_create(
		pool, device->senders_max * sessions_per_sender[suite] + SESSION_CACHE,
		device->session_bytes, 0, 0, SOCKET_ID_ANY);
	if (!device->sessions)
		return -ENOMEM;
	rc = device_configure(device, config->n_queues);
	device->is_started = rc == 0;
	if (rc == 0 && device->senders_max < config->senders_max)
		log_warn(LOG_MEDIA,
			 "too little memory for every session on the crypto device, "
			 "libsrtp2 protects the others",
			 "\"driver\":\"%s\",\"sessions\":%u,\"of\":%u,\"raise\":\"node.memory_mb\"",
			 log_escape(driver), device->senders_max, config->senders_max);
	return rc;
}

static void device_stop(struct srtp_device *device)
{
	if (device->is_started) {
		rte_cryptodev_stop(device->id);
		rte_cryptodev_close(device->id);
	}
	if (device->is_plugged)
		rte_eal_hotplug_remove("vdev", rte_cryptodev_name_get(device->id));
	rte_mempool_free(device->sessions);
	device->sessions = NULL;
	device->is_started = device->is_plugged = false;
}

int srtp_devices_start(const struct srtp_devices_config *config, struct srtp_devices **out)
{
	const char *drivers[SRTP_SUITES] = {
		[SUITE_GCM] = config->gcm_driver ? config->gcm_driver : default_drivers[SUITE_GCM],
		[SUITE_CM] = config->cm_driver ? config->cm_driver : default_drivers[SUITE_CM],
	};
	struct srtp_devices *devices = calloc(1, sizeof(*devices));
	if (!devices)
		return -ENOMEM;
	devices->n_queues = config->n_queues;
	for (unsigned int i = 0; i < SRTP_SUITES; i++) {
		if (strcmp(drivers[i], SRTP_DRIVER_OFF) == 0)
			continue;
		int rc = device_start(devices, (enum srtp_suite)i, drivers[i], config);
		if (rc == 0)
			continue;
		device_stop(&devices->of[i]);
		log_warn(LOG_MEDIA, "no crypto device, libsrtp2 protects instead",
			 "\"driver\":\"%s\",\"error\":\"%s\"", log_escape(drivers[i]),
			 strerror(-rc));
	}
	log_info(LOG_MEDIA, "SRTP is protected", "\"gcm\":\"%s\",\"cm\":\"%s\"",
		 log_escape(srtp_devices_driver(devices, SRTP_AEAD_AES_256_GCM)),
		 log_escape(srtp_devices_driver(devices, SRTP_AES128_CM_SHA1_80)));
	*out = devices;
	return 0;
}

void srtp_devices_stop(struct srtp_devices *devices)
{
	if (!devices)
		return;
	for (unsigned int i = 0; i < SRTP_SUITES; i++)
		device_stop(&devices->of[i]);
	free(devices);
}

const char *srtp_devices_driver(const struct srtp_devices *devices, enum srtp_profile profile)
{
	const struct srtp_device *device = &devices->of[srtp_suite_of(profile)];
	return device->is_started ? rte_cryptodev_name_get(device->id) : SRTP_LIBRARY;
}

int srtp_queue_create(struct srtp_devices *devices, unsigned int index, struct srtp_queue **out)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	if (index >= devices->n_queues)
		return -EINVAL;
	struct srtp_queue *queue = calloc(1, sizeof(*queue));
	if (!queue)
		return -ENOMEM;
	queue->devices = devices;
	queue->index = (uint16_t)index;
	snprintf(name, sizeof(name), SRTP_POOL_PREFIX "ops-%u", index);
	queue->op_pool = rte_crypto_op_pool_create(name, RTE_CRYPTO_OP_TYPE_SYMMETRIC,
						   SRTP_BURST_MAX, 0, SRTP_IV_BYTES, SOCKET_ID_ANY);
	if (!queue->op_pool ||
	    rte_crypto_op_bulk_alloc(queue->op_pool, RTE_CRYPTO_OP_TYPE_SYMMETRIC, queue->ops,
				     SRTP_BURST_MAX) != SRTP_BURST_MAX) {
		srtp_queue_destroy(queue);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < SRTP_BURST_MAX; i++)
		queue->ops[i]->sess_type = RTE_CRYPTO_OP_WITH_SESSION;
	*out = queue;
	return 0;
}

void srtp_queue_destroy(struct srtp_queue *queue)
{
	if (!queue)
		return;
	rte_mempool_free(queue->op_pool);
	free(queue);
}
