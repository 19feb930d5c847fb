/** Before each file of tests, of those that share a process. */
import {putBackWhatIsUsual} from './usual.js'

putBackWhatIsUsual()
