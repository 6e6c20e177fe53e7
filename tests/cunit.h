/* The smallest way to one CUnit suite per test file: a table of rows, one main.
 * Usage: static CU_TestInfo tests[] = { {"replay_rejects_duplicate", fn}, CU_TEST_INFO_NULL };
 *        TEST_MAIN("srtp", tests) */
#pragma once

#include <stdint.h>

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#define TEST_MAIN_WITH(suite_name, rows, init, cleanup)                                            \
	int main(void)                                                                             \
	{                                                                                          \
		CU_SuiteInfo suites[] = {                                                          \
			{(char *)(uintptr_t)suite_name, init, cleanup, NULL, NULL, rows},          \
			CU_SUITE_INFO_NULL,                                                        \
		};                                                                                 \
		if (CU_initialize_registry() != CUE_SUCCESS ||                                     \
		    CU_register_suites(suites) != CUE_SUCCESS)                                     \
			return 2;                                                                  \
		CU_basic_set_mode(CU_BRM_VERBOSE);                                                 \
		CU_basic_run_tests();                                                              \
		unsigned int failed =                                                              \
			CU_get_number_of_failures() + CU_get_number_of_suites_failed();            \
		unsigned int run = CU_get_number_of_tests_run();                                   \
		CU_cleanup_registry();                                                             \
		return failed == 0 && run > 0 ? 0 : 1;                                             \
	}

#define TEST_MAIN(suite_name, rows) TEST_MAIN_WITH(suite_name, rows, NULL, NULL)
