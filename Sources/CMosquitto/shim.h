#pragma once
#include <mosquitto.h>
#include <mqtt_protocol.h>
// What an outside loop for libmosquitto needs, and Swift's Glibc module leaves out.
#include <sys/epoll.h>
#include <sys/eventfd.h>
