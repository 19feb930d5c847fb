import type {NeededPermissions} from '../objects/permissions.js'

/** Of what is there nobody writes over who may not remove it. */
export const GCS_PERMISSIONS: NeededPermissions = {
  areOn: 'storage.buckets.get',
  list: 'storage.objects.list',
  lock: 'storage.objects.setRetention and storage.objects.update',
  read: 'storage.objects.get',
  remove: 'storage.objects.delete',
  said: (reason) => /\bstorage\.[a-zA-Z]+\.[a-zA-Z]+\b(?=[^a-zA-Z]|$)/.exec(reason)?.[0],
  write: 'storage.objects.create',
  writeLocked: 'storage.objects.create and storage.objects.setRetention',
  writeOver: 'storage.objects.create, and storage.objects.delete where it is written over',
}
