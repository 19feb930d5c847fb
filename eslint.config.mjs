import oclif from 'eslint-config-oclif'
import prettier from 'eslint-config-prettier'

export default [...oclif, prettier]
