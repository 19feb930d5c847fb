import oclif from 'eslint-config-oclif'
import prettier from 'eslint-config-prettier'

/** Of pages in a browser, with elements and styles: no file here is one. */
const OF_BROWSERS = [
  'unicorn/better-dom-traversing',
  'unicorn/dom-node-dataset',
  'unicorn/no-canvas-to-image',
  'unicorn/no-document-cookie',
  'unicorn/no-incorrect-query-selector',
  'unicorn/no-late-current-target-access',
  'unicorn/no-selector-as-dom-name',
  'unicorn/no-shorthand-property-overrides',
  'unicorn/no-transition-all',
  'unicorn/prefer-classlist-toggle',
  'unicorn/prefer-dom-node-append',
  'unicorn/prefer-dom-node-html-methods',
  'unicorn/prefer-dom-node-remove',
  'unicorn/prefer-dom-node-replace-children',
  'unicorn/prefer-dom-node-text-content',
  'unicorn/prefer-keyboard-event-key',
  'unicorn/prefer-location-assign',
  'unicorn/prefer-modern-dom-apis',
  'unicorn/prefer-observer-apis',
  'unicorn/prefer-path2d',
  'unicorn/prefer-query-selector',
  'unicorn/prefer-scoped-selector',
  'unicorn/prefer-toggle-attribute',
  'unicorn/require-css-escape',
  'unicorn/require-passive-events',
]

/** Of Mocha's globals: what tests use here is imported, and Vitest's. */
const OF_MOCHA = oclif.flatMap(({rules = {}}) => Object.keys(rules)).filter((name) => name.startsWith('mocha/'))

const off = (names) => Object.fromEntries(names.map((name) => [name, 'off']))

const config = [
  {ignores: ['.tmp/', 'dist/', 'src/weaviate/proto/generated/', 'test/fixtures/']},
  ...oclif,
  prettier,
  {
    languageOptions: {
      parserOptions: {
        // No rule here asks for what docstrings say of types; those of all packages took a seventh of the time to parse.
        jsDocParsingMode: 'none',
        projectService: {
          allowDefaultProject: ['*.mjs', 'bin/*.js', 'scripts/*.mjs', 'bench/*.mjs'],
          // There are more than the eight that it takes unasked.
          // eslint-disable-next-line camelcase -- its name
          maximumDefaultProjectFileMatchCount_THIS_WILL_SLOW_DOWN_LINTING: 24,
        },
      },
    },
    rules: {
      ...off([...OF_BROWSERS, ...OF_MOCHA]),
      // Interfaces are what the contracts of this project are written in.
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      // Types say it; prose in docstrings is for units, shapes and errors.
      'jsdoc/require-jsdoc': 'off',
      'jsdoc/require-param': 'off',
      'jsdoc/require-returns': 'off',
      'jsdoc/require-throws-type': 'off',
      'jsdoc/require-yields': 'off',
      'jsdoc/require-yields-check': 'off',
      // TypeScript has the types, and none stands in a docstring.
      'jsdoc/check-types': 'off',
      'jsdoc/implements-on-classes': 'off',
      'jsdoc/no-defaults': 'off',
      'jsdoc/no-undefined-types': 'off',
      'jsdoc/reject-any-type': 'off',
      'jsdoc/reject-function-type': 'off',
      'jsdoc/require-next-type': 'off',
      'jsdoc/require-property': 'off',
      'jsdoc/require-property-description': 'off',
      'jsdoc/require-property-name': 'off',
      'jsdoc/require-property-type': 'off',
      'jsdoc/require-returns-check': 'off',
      'jsdoc/require-yields-type': 'off',
      'jsdoc/ts-no-empty-object-type': 'off',
      'jsdoc/valid-types': 'off',
      // test/architecture.test.ts finds circles, those of types too, in a fraction of the time.
      'import-x/no-cycle': 'off',
      // Declarations are ordered to be read: what a thing is before what it may have. Imports stay sorted.
      'perfectionist/sort-classes': 'off',
      'perfectionist/sort-enums': 'off',
      'perfectionist/sort-interfaces': 'off',
      'perfectionist/sort-maps': 'off',
      'perfectionist/sort-modules': 'off',
      'perfectionist/sort-object-types': 'off',
      'perfectionist/sort-objects': 'off',
      'perfectionist/sort-sets': 'off',
      'perfectionist/sort-switch-case': 'off',
      'perfectionist/sort-union-types': 'off',
      // One request after another is often what the server needs.
      'no-await-in-loop': 'off',
      // `sum += await …` in several workers loses updates; members of what was handed in are this rule's false alarms.
      'require-atomic-updates': ['error', {allowProperties: true}],
      'guard-for-in': 'off',
      'jsdoc/escape-inline-tags': 'off',
      'no-bitwise': 'off',
      // Their fixes change what the code does: servers under test speak http, a copy of bytes is a slice, names are promises.
      'unicorn/consistent-boolean-name': 'off',
      'unicorn/prefer-https': 'off',
      'unicorn/prefer-spread': 'off',
      // What was just made may be sorted in place, and spread.
      'unicorn/no-array-reverse': 'off',
      'unicorn/no-array-sort': 'off',
      'unicorn/prefer-iterator-to-array': 'off',
      'unicorn/consistent-class-member-order': 'off',
      'unicorn/no-break-in-nested-loop': 'off',
      'unicorn/no-declarations-before-early-exit': 'off',
      'unicorn/max-nested-calls': 'off',
      // A failure that is reported elsewhere is caught by a function that does nothing; a promise may be what nobody waits for.
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-unused-vars': ['error', {argsIgnorePattern: '^_', varsIgnorePattern: '^_'}],
      '@typescript-eslint/prefer-nullish-coalescing': ['error', {ignoreConditionalTests: true}],
      '@typescript-eslint/require-array-sort-compare': ['error', {ignoreStringArrays: true}],
      '@typescript-eslint/strict-void-return': 'off',
      'n/no-unsupported-features/node-builtins': ['error', {allowExperimental: true}],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', {considerDefaultExhaustiveForUnions: true}],
      // Ints past 2^53 are ints.
      'unicorn/prefer-number-is-safe-integer': 'off',
      'n/prefer-global/buffer': 'off',
      'n/prefer-global/process': 'off',
      'require-unicode-regexp': 'off',
      'unicorn/prefer-simple-condition-first': 'off',
      'unicorn/no-null': 'off',
      '@typescript-eslint/no-restricted-types': 'off',
    },
  },
  {
    files: ['**/*.ts'],
    rules: {
      // tsc finds what is not there. The other two read all that a file imports, and only oclif has default exports here.
      'import-x/no-named-as-default': 'off',
      'import-x/no-named-as-default-member': 'off',
      'import-x/no-unresolved': 'off',
    },
  },
  // A suite, a test and what it hands over are three already, and properties have functions of their own.
  {files: ['test/**/*.ts'], rules: {'max-nested-callbacks': ['error', 8]}},
  // Programs, not libraries: they end with an exit code, and say so on the console.
  {files: ['scripts/*.mjs', 'bench/*.ts'], rules: {'no-console': 'off', 'unicorn/no-process-exit': 'off'}},
  // The site is made from a clone; .npmignore keeps what makes it out of the package.
  {files: ['docs/.vitepress/*.ts'], rules: {'n/no-unpublished-import': 'off'}},
]

export default config
