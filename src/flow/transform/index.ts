/** Everything that makes a transform. */
export {limit, onlyIds, sample, where} from './choose.js'
export {type FunctionContext, loadTransform, type TransformFunctions, transformObjects} from './functions.js'
export type {PlainObject} from './plain.js'
export {convert, drop, rename} from './properties.js'
export {intoTenant, outOfTenants, selectTenants, tenantFrom} from './tenants.js'
export type {Changed, Look, Transform} from './transform.js'
export {dropVector, moveVector, withoutVectors} from './vectors.js'
