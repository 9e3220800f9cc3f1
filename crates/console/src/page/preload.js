'use strict';
/* Before anything else of the page is read: who waits for the clusters shouldn't wait for that. */
const early = { stream: sessionStorage.getItem('k3eks-keys') ? null : fetch('/_k3eks/console/stream').catch(() => null) };
